/** What happens to connections that are dumped, on its way from where they are served. */

import type { DumpChunk, DumpConnection, DumpEnd, DumpEvent } from "./formats/format.ts";

/** Bytes went by. */
export interface ChunkRecord {
  /** `skip`: filtered out; `drop`: lost since the way is too slow. Both without the bytes. */
  readonly kind: "data" | "skip" | "drop";
  readonly connection: DumpConnection;
  readonly chunk: DumpChunk;
}

/** One thing that happened. Plain: it can be cloned to another isolate. */
export type DumpRecord =
  | ChunkRecord
  | {
    readonly kind: "open" | "connected" | "close";
    readonly connection: DumpConnection;
    /** Microseconds since 1970. */
    readonly time: number;
  }
  | { readonly kind: "event"; readonly connection: DumpConnection; readonly event: DumpEvent }
  | { readonly kind: "end"; readonly connection: DumpConnection; readonly end: DumpEnd };

/**
 * Takes a record; its bytes are not used any more when it returns. A promise holds the sender of
 * a chunk back until there is room.
 */
export type TakeRecord = (record: DumpRecord) => Promise<void> | undefined;
