/**
 * The dump in a worker: sends records to the main isolate, one batch at a time; records that arrive
 * meanwhile go into the next batch. Memory is bounded: senders wait, or chunks are dropped.
 */

import { Backlog } from "../base/backlog.ts";
import { NO_BYTES } from "../base/bytes.ts";
import type { TapMaker } from "../connection/observe.ts";
import { dumpTaps } from "../dump/dump_tap.ts";
import { parseDumpFilter } from "../dump/filter.ts";
import type { ChunkRecord, DumpRecord } from "../dump/record.ts";
import type { DumpOrder, PlaneDump } from "./dump_order.ts";

/** Bytes that may be queued or pending before senders wait or chunks are dropped. */
const QUEUE_BYTES = 1 << 20;

/** Records of one message; the main isolate answers when it has room again. */
export interface DumpBatch {
  readonly generation: number;
  readonly records: readonly DumpRecord[];
}

/** Sends a batch and transfers the buffers of its chunks. */
type PostBatch = (batch: DumpBatch, buffers: ArrayBuffer[]) => void;

/** One dump in one worker. */
export class WorkerDump implements PlaneDump {
  readonly order: DumpOrder;
  readonly taps: TapMaker;
  readonly #post: PostBatch;
  readonly #backlog = new Backlog(QUEUE_BYTES);
  #records: DumpRecord[] = [];
  #buffers: ArrayBuffer[] = [];
  /** Bytes of the batch that is not answered yet, if any. */
  #pendingBytes: number | undefined;
  #isScheduled = false;
  #isStopped = false;

  /** @param post Where the records go. */
  constructor(order: DumpOrder, post: PostBatch) {
    this.order = order;
    this.#post = post;
    this.taps = dumpTaps(parseDumpFilter(order.filter), (record) => this.take(record));
  }

  /** The main isolate has answered the pending batch. */
  taken(): void {
    this.#backlog.remove(this.#pendingBytes ?? 0);
    this.#pendingBytes = undefined;
    this.#send();
  }

  /** Stops the dump: sends the rest, and lets waiting senders continue. */
  stop(): void {
    this.#pendingBytes = undefined;
    this.#send();
    this.#isStopped = true;
    this.#backlog.release();
  }

  /** Sends a record; see `TakeRecord`. */
  take(record: DumpRecord): Promise<void> | undefined {
    if (this.#isStopped) return undefined;
    if (record.kind === "data") return this.#data(record);
    this.#push(record);
    return undefined;
  }

  #data({ connection, chunk }: ChunkRecord): Promise<void> | undefined {
    const { length } = chunk.bytes;
    const mayDrop = this.order.overflow === "drop";
    if (mayDrop && this.#backlog.isFull) {
      const dropped = { ...chunk, bytes: NO_BYTES, length: chunk.length ?? length };
      this.#push({ kind: "drop", connection, chunk: dropped });
      return undefined;
    }
    // A copy: the relay uses its buffer again.
    const bytes = chunk.bytes.slice();
    this.#buffers.push(bytes.buffer);
    this.#backlog.add(length);
    this.#push({ kind: "data", connection, chunk: { ...chunk, bytes } });
    return mayDrop ? undefined : this.#backlog.room();
  }

  #push(record: DumpRecord): void {
    this.#records.push(record);
    if (this.#isScheduled || this.#pendingBytes !== undefined) return;
    this.#isScheduled = true;
    queueMicrotask(() => {
      this.#isScheduled = false;
      this.#send();
    });
  }

  #send(): void {
    if (this.#pendingBytes !== undefined || this.#records.length === 0) return;
    const [records, buffers] = [this.#records, this.#buffers];
    // Everything in the backlog is part of this batch.
    this.#pendingBytes = this.#backlog.bytes;
    [this.#records, this.#buffers] = [[], []];
    this.#post({ generation: this.order.generation, records }, buffers);
  }
}
