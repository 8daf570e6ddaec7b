/**
 * The dump in a worker: sends records to the main isolate, one batch at a time; records that arrive
 * meanwhile go into the next batch. Memory is bounded: senders wait, or chunks are dropped, and
 * accepting waits.
 */

import { Backlog } from "../base/backlog.ts";
import { NO_BYTES } from "../base/bytes.ts";
import type { TapMaker } from "../connection/observe.ts";
import { dumpTaps } from "../dump/dump_tap.ts";
import { parseDumpFilter } from "../dump/filter.ts";
import type { ChunkRecord, DumpRecord } from "../dump/record.ts";
import type { DumpOrder, PlaneDump } from "./dump_order.ts";
import { OneInFlight } from "./one_in_flight.ts";

/** Bytes that may be queued or pending before senders wait or chunks are dropped. */
const QUEUE_BYTES = 1 << 20;
/** What a record counts besides the bytes of its chunk: about what it takes. */
const RECORD_BYTES = 256;

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
  /**
   * With overflow `drop`, half of it is for records that are never dropped. It is full only while
   * the main isolate is busy, which does not depend on the reader of the dump.
   */
  readonly #backlog: Backlog;
  #records: DumpRecord[] = [];
  /** Where the latest records of a connection are in the batch, if they are chunks without bytes. */
  readonly #gaps = new Map<number, number[]>();
  #buffers: ArrayBuffer[] = [];
  readonly #batches: OneInFlight;
  #isStopped = false;

  /** @param post Where the records go. */
  constructor(order: DumpOrder, post: PostBatch) {
    this.order = order;
    this.#post = post;
    this.#backlog = new Backlog(order.overflow === "drop" ? 2 * QUEUE_BYTES : QUEUE_BYTES);
    this.#batches = new OneInFlight(this.#backlog, () => this.#send());
    this.taps = dumpTaps(parseDumpFilter(order.filter), (record) => this.take(record), order);
  }

  /** Waits for room for the records of another connection. */
  room(): Promise<void> | undefined {
    return this.#isStopped ? undefined : this.#backlog.room();
  }

  /** The main isolate has answered the pending batch. */
  taken(): void {
    this.#batches.taken();
  }

  /** Stops the dump: sends the rest, and lets waiting senders continue. */
  stop(): void {
    this.#batches.flush();
    this.#isStopped = true;
    this.#backlog.release();
  }

  /** Sends a record; see `TakeRecord`. */
  take(record: DumpRecord): Promise<void> | undefined {
    if (this.#isStopped) return undefined;
    if (record.kind === "data") return this.#data(record);
    if (record.kind === "skip" || record.kind === "drop") this.#gap(record);
    else this.#push(record);
    return undefined;
  }

  #data({ connection, chunk }: ChunkRecord): Promise<void> | undefined {
    const { length } = chunk.bytes;
    const mayDrop = this.order.overflow === "drop";
    if (mayDrop && this.#backlog.size >= QUEUE_BYTES) {
      const dropped = { ...chunk, bytes: NO_BYTES, length: chunk.length ?? length };
      this.#gap({ kind: "drop", connection, chunk: dropped });
      return undefined;
    }
    // A copy: the relay uses its buffer again.
    const bytes = chunk.bytes.slice();
    this.#buffers.push(bytes.buffer);
    this.#backlog.add(length);
    this.#push({ kind: "data", connection, chunk: { ...chunk, bytes } });
    return mayDrop ? undefined : this.#backlog.room();
  }

  /** Sends a chunk without bytes, together with an equal one right before it. */
  #gap(record: ChunkRecord): void {
    const { kind, connection: { id }, chunk } = record;
    const gaps = this.#gaps.get(id) ?? [];
    const found = gaps.find((at) => {
      const before = this.#records[at] as ChunkRecord;
      return before.kind === kind && before.chunk.direction === chunk.direction &&
        before.chunk.leg === chunk.leg;
    });
    if (found !== undefined) {
      this.#records[found] = joined(this.#records[found] as ChunkRecord, record);
      return;
    }
    this.#push(record);
    this.#gaps.set(id, [...gaps, this.#records.length - 1]);
  }

  #push(record: DumpRecord): void {
    this.#gaps.delete(record.connection.id);
    this.#backlog.add(RECORD_BYTES);
    this.#records.push(record);
    this.#batches.queued();
  }

  #send(): boolean {
    if (this.#records.length === 0) return false;
    const [records, buffers] = [this.#records, this.#buffers];
    [this.#records, this.#buffers] = [[], []];
    this.#gaps.clear();
    this.#post({ generation: this.order.generation, records }, buffers);
    return true;
  }
}

/** Two chunks without bytes as one. */
function joined(first: ChunkRecord, second: ChunkRecord): ChunkRecord {
  const length = (first.chunk.length ?? 0) + (second.chunk.length ?? 0);
  const chunks = (first.chunks ?? 1) + (second.chunks ?? 1);
  return { ...first, chunk: { ...first.chunk, length }, chunks };
}
