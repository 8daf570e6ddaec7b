import type { ConnectionRoute } from "../base/connection_info.ts";
import type { TakeRecord } from "../dump/record.ts";
import { nowMicroseconds } from "../dump/formats/times.ts";
import type { PlaneDump } from "./dump_order.ts";
import type { DumpBatch } from "./dump_outbox.ts";

/** One dump, and by worker what is dumped and not closed. */
interface Box {
  readonly take: TakeRecord;
  readonly open: Map<number, Map<number, ConnectionRoute>>;
}

/**
 * Gives the records of workers to the dump that they are for, of which there are two while one
 * takes the place of another, and ends the connections of workers that die.
 */
export class DumpInbox {
  readonly #boxes = new Map<number, Box>();

  /** Takes records for a dump from now on. */
  add({ order, take }: PlaneDump): void {
    this.#boxes.set(order.generation, { take, open: new Map() });
  }

  /** Throws away what else may come for a dump. */
  remove({ order }: PlaneDump): void {
    this.#boxes.delete(order.generation);
  }

  /**
   * Takes a batch.
   *
   * @param worker Who sent it.
   * @param batch What it sent, in order.
   * @returns Resolves when there is room for more; `undefined` if there is already.
   */
  take(worker: number, { generation, records }: DumpBatch): Promise<void> | undefined {
    const box = this.#boxes.get(generation);
    if (box === undefined) return undefined;
    let open = box.open.get(worker);
    if (open === undefined) box.open.set(worker, open = new Map());
    let room: Promise<void> | undefined;
    for (const record of records) {
      const { kind, connection } = record;
      if (kind === "close") open.delete(connection.id);
      else open.set(connection.id, connection);
      room = box.take(record) ?? room;
    }
    return room;
  }

  /** A worker died, and its connections with it. */
  died(worker: number): void {
    const time = nowMicroseconds();
    const event = { text: "the worker that served it has died", time };
    for (const { take, open } of this.#boxes.values()) {
      for (const connection of open.get(worker)?.values() ?? []) {
        void take({ kind: "event", connection, event });
        void take({ kind: "close", connection, time });
      }
      open.delete(worker);
    }
  }
}
