/**
 * The dump in a worker: records go to the program by message, in batches. What the program has
 * not taken yet is bounded: then senders wait, or chunks are dropped.
 */

import type { TapMaker } from "../connection/observe.ts";
import { dumpTaps } from "../dump/dump_tap.ts";
import { parseDumpFilter } from "../dump/filter.ts";
import { NOTHING } from "../dump/format.ts";
import type { ChunkRecord, DumpRecord } from "../dump/record.ts";
import type { DumpOrder, PlaneDump } from "./plane_dump.ts";

/** Bytes that may be on their way to the program. */
const WINDOW_BYTES = 2 << 20;

/** Records on their way; the program answers with the same `bytes` when it has room again. */
export interface DumpBatch {
  readonly generation: number;
  readonly records: readonly DumpRecord[];
  readonly bytes: number;
}

/** Sends a batch; the buffers are given away. */
export type PostBatch = (batch: DumpBatch, buffers: ArrayBuffer[]) => void;

/** One dump, as a worker takes part in it. */
export class WorkerDump implements PlaneDump {
  readonly order: DumpOrder;
  readonly taps: TapMaker;
  readonly #post: PostBatch;
  #records: DumpRecord[] = [];
  #buffers: ArrayBuffer[] = [];
  #bytes = 0;
  /** Bytes that the program has not taken yet. */
  #waiting = 0;
  #room: PromiseWithResolvers<void> | undefined;

  /**
   * @param order What to dump.
   * @param post Where records go.
   */
  constructor(order: DumpOrder, post: PostBatch) {
    this.order = order;
    this.#post = post;
    this.taps = dumpTaps(parseDumpFilter(order.filter), (record) => this.take(record));
  }

  /** The program has taken so many bytes. */
  taken(bytes: number): void {
    this.#waiting -= bytes;
    if (this.#waiting < WINDOW_BYTES) this.#release();
  }

  /** The dump is over: sends what is left, and lets go of those who wait. */
  stop(): void {
    this.#flush();
    this.#waiting = -Infinity;
    this.#release();
  }

  /** Sends a record. */
  take(record: DumpRecord): Promise<void> | undefined {
    if (record.kind === "data") return this.#data(record);
    this.#push(record);
    return undefined;
  }

  #data({ connection, chunk }: ChunkRecord): Promise<void> | undefined {
    const { length } = chunk.bytes;
    const mayDrop = this.order.overflow === "drop";
    if (mayDrop && this.#waiting >= WINDOW_BYTES) {
      const dropped = { ...chunk, bytes: NOTHING, length: chunk.length ?? length };
      this.#push({ kind: "drop", connection, chunk: dropped });
      return undefined;
    }
    // The relay goes on with its buffer.
    const bytes = chunk.bytes.slice();
    this.#buffers.push(bytes.buffer);
    this.#push({ kind: "data", connection, chunk: { ...chunk, bytes } });
    this.#bytes += length;
    this.#waiting += length;
    if (mayDrop || this.#waiting < WINDOW_BYTES) return undefined;
    return (this.#room ??= Promise.withResolvers()).promise;
  }

  #push(record: DumpRecord): void {
    if (this.#records.push(record) === 1) queueMicrotask(() => this.#flush());
  }

  #flush(): void {
    if (this.#records.length === 0) return;
    const [records, buffers, bytes] = [this.#records, this.#buffers, this.#bytes];
    [this.#records, this.#buffers, this.#bytes] = [[], [], 0];
    this.#post({ generation: this.order.generation, records, bytes }, buffers);
  }

  #release(): void {
    this.#room?.resolve();
    this.#room = undefined;
  }
}
