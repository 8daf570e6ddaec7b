/** What happens to connections that are dumped, on its way from where they are served. */

import type { ConnectionRoute } from "../base/connection_info.ts";
import type { DumpChunk, DumpEnd, DumpEvent } from "./formats/format.ts";

/** Bytes went by. */
export interface ChunkRecord {
  /** `skip`: filtered out; `drop`: lost since the way is too slow. Both without the bytes. */
  readonly kind: "data" | "skip" | "drop";
  readonly connection: ConnectionRoute;
  readonly chunk: DumpChunk;
}

/** One thing that happened. Plain: it can be cloned to another isolate. */
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

/**
 * Takes a record; its bytes are not used any more when it returns. A promise holds the sender of
 * a chunk back until there is room.
 */
export type TakeRecord = (record: DumpRecord) => Promise<void> | undefined;
