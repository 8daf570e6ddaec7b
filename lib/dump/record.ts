/** What happens to dumped connections, sent from the isolate that serves them to the dumper. */

import { NO_BYTES } from "../base/bytes.ts";
import type { ConnectionRoute } from "../base/connection_info.ts";
import type { DumpChunk, DumpEnd, DumpEvent, DumpFormat } from "./formats/format.ts";

/** The bytes of one read. */
export interface ChunkRecord {
  /** `skip`: filtered out; `drop`: the dump is slow, a worker dropped it. Both without bytes. */
  readonly kind: "data" | "skip" | "drop";
  readonly connection: ConnectionRoute;
  readonly chunk: DumpChunk;
  /** Number of chunks that a `drop` is about. @default 1 */
  readonly chunks?: number;
}

/** One record. A plain object: it can be cloned to another isolate. */
export type DumpRecord =
  | ChunkRecord
  | {
    readonly kind: "open" | "connected" | "close";
    readonly connection: ConnectionRoute;
    /** Microseconds since 1970. */
    readonly time: number;
  }
  | { readonly kind: "event"; readonly connection: ConnectionRoute; readonly event: DumpEvent }
  | { readonly kind: "end"; readonly connection: ConnectionRoute; readonly end: DumpEnd };

/** Takes a record and copies its bytes. The sender of a chunk awaits the promise: back-pressure. */
export type TakeRecord = (record: DumpRecord) => Promise<void> | undefined;

/** Encodes a record: returns the bytes to append to the dump, often none. */
export function encodeRecord(format: DumpFormat, record: DumpRecord): Uint8Array {
  const { connection } = record;
  switch (record.kind) {
    case "data":
      return format.data(connection, record.chunk);
    case "event":
      return format.event(connection, record.event);
    case "end":
      return format.end(connection, record.end);
    case "skip":
    case "drop":
      format.skip(connection, record.chunk);
      return NO_BYTES;
    default:
      return format[record.kind](connection, record.time);
  }
}
