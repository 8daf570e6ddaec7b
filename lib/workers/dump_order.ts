import type { TapMaker } from "../connection/observe.ts";
import type { FilterOptions } from "../dump/filter.ts";
import type { TakeRecord } from "../dump/record.ts";
import type { DumpOverflow } from "../dump/settings.ts";

/** What workers need to know about a dump. A plain record. */
export interface DumpOrder {
  /** Distinguishes the records of a dump from those of the previous one. */
  readonly generation: number;
  readonly filter: FilterOptions;
  readonly overflow: DumpOverflow;
}

/** A dump, as the data plane sees it. */
export interface PlaneDump {
  /** Creates the taps of connections in this isolate. */
  readonly taps: TapMaker;
  /**
   * Waits until the dump has room for the records of another connection; `undefined` if it has room
   * now, or drops what does not fit. Also called after each batch from a worker.
   */
  readonly room?: (() => Promise<void> | undefined) | undefined;
  /** For workers; their records go to {@link take}. */
  readonly order: DumpOrder;
  readonly take: TakeRecord;
}
