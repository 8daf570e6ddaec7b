/**
 * The dump in a worker: records go to the program by message. One batch is under way at a time,
 * what happens meanwhile goes with the next one. What the program has not taken yet is bounded:
 * then senders wait, or chunks are dropped.
 */

import { NO_BYTES } from "../base/bytes.ts";
import type { TapMaker } from "../connection/observe.ts";
import { dumpTaps } from "../dump/dump_tap.ts";
import { parseDumpFilter } from "../dump/filter.ts";
import type { ChunkRecord, DumpRecord } from "../dump/record.ts";
import type { DumpOrder, PlaneDump } from "./dump_order.ts";

/** Bytes that the program may not have taken yet. */
const WINDOW_BYTES = 1 << 20;

/** Records on their way; the program answers when it has taken them and has room again. */
export interface DumpBatch {
  readonly generation: number;
  readonly records: readonly DumpRecord[];
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
  /** Bytes of {@link #records}, and of those under way. */
  #bytes = 0;
  #bytesUnderWay = 0;
  #isUnderWay = false;
  #isPlanned = false;
  #isOver = false;
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

  /** The program has taken what was under way. */
  taken(): void {
    this.#isUnderWay = false;
    this.#bytesUnderWay = 0;
    this.#send();
    if (!this.#isFull()) this.#release();
  }

  /** The dump is over: sends what is left, and lets go of those who wait. */
  stop(): void {
    this.#isUnderWay = false;
    this.#send();
    this.#isOver = true;
    this.#release();
  }

  /** Sends a record. */
  take(record: DumpRecord): Promise<void> | undefined {
    if (this.#isOver) return undefined;
    if (record.kind === "data") return this.#data(record);
    this.#push(record);
    return undefined;
  }

  #data({ connection, chunk }: ChunkRecord): Promise<void> | undefined {
    const { length } = chunk.bytes;
    const mayDrop = this.order.overflow === "drop";
    if (mayDrop && this.#isFull()) {
      const dropped = { ...chunk, bytes: NO_BYTES, length: chunk.length ?? length };
      this.#push({ kind: "drop", connection, chunk: dropped });
      return undefined;
    }
    // The relay goes on with its buffer.
    const bytes = chunk.bytes.slice();
    this.#buffers.push(bytes.buffer);
    this.#push({ kind: "data", connection, chunk: { ...chunk, bytes } });
    this.#bytes += length;
    if (mayDrop || !this.#isFull()) return undefined;
    return (this.#room ??= Promise.withResolvers()).promise;
  }

  #isFull(): boolean {
    return !this.#isOver && this.#bytes + this.#bytesUnderWay >= WINDOW_BYTES;
  }

  #push(record: DumpRecord): void {
    this.#records.push(record);
    if (this.#isPlanned || this.#isUnderWay) return;
    this.#isPlanned = true;
    queueMicrotask(() => {
      this.#isPlanned = false;
      this.#send();
    });
  }

  #send(): void {
    if (this.#isUnderWay || this.#records.length === 0) return;
    const [records, buffers] = [this.#records, this.#buffers];
    this.#isUnderWay = true;
    this.#bytesUnderWay = this.#bytes;
    [this.#records, this.#buffers, this.#bytes] = [[], [], 0];
    this.#post({ generation: this.order.generation, records }, buffers);
  }

  #release(): void {
    this.#room?.resolve();
    this.#room = undefined;
  }
}
