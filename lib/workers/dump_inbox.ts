import type { ConnectionRoute } from "../base/connection_info.ts";
import { nowMicroseconds } from "../dump/formats/times.ts";
import type { PlaneDump } from "./dump_order.ts";
import type { DumpBatch } from "./dump_outbox.ts";

/** One dump, and the open connections that each worker dumps. */
interface Box {
  readonly dump: PlaneDump;
  readonly open: Map<number, Map<number, ConnectionRoute>>;
}

/**
 * Passes the records of workers to their dump; there are two while one replaces the other. Records
 * the end of the connections of a worker that has died.
 */
export class DumpInbox {
  readonly #boxes = new Map<number, Box>();

  /** Accepts records for a dump from now on. */
  add(dump: PlaneDump): void {
    this.#boxes.set(dump.order.generation, { dump, open: new Map() });
  }

  /** Discards further records for a dump. */
  remove({ order }: PlaneDump): void {
    this.#boxes.delete(order.generation);
  }

  /** Records a batch from a worker. Waits for room; `undefined` if there is room now. */
  take(worker: number, { generation, records }: DumpBatch): Promise<void> | undefined {
    const box = this.#boxes.get(generation);
    if (box === undefined) return undefined;
    let open = box.open.get(worker);
    if (open === undefined) box.open.set(worker, open = new Map());
    for (const record of records) {
      const { kind, connection } = record;
      if (kind === "close") open.delete(connection.id);
      else open.set(connection.id, connection);
      // Its room is asked for below, after records of any kind.
      void box.dump.take(record);
    }
    return box.dump.room();
  }

  /** A worker has died, and its connections with it. */
  died(worker: number): void {
    const time = nowMicroseconds();
    const event = { text: "the worker that served it has died", time };
    for (const { dump: { take }, open } of this.#boxes.values()) {
      for (const connection of open.get(worker)?.values() ?? []) {
        void take({ kind: "event", connection, event });
        void take({ kind: "close", connection, time });
      }
      open.delete(worker);
    }
  }
}
