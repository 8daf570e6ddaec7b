import type { TapMaker } from "../connection/observe.ts";
import type { FilterOptions } from "../dump/filter.ts";
import type { DumpSide } from "../dump/formats/format.ts";
import type { TakeRecord } from "../dump/record.ts";
import type { DumpOverflow } from "../dump/settings.ts";

/** What workers need to know about a dump. A plain record. */
export interface DumpOrder {
  /** Distinguishes the records of a dump from those of the previous one. */
  readonly generation: number;
  readonly filter: FilterOptions;
  readonly side: DumpSide;
  readonly overflow: DumpOverflow;
}

/** A dump, as the data plane sees it. */
export interface PlaneDump {
  /** Creates the taps of connections in this isolate. */
  readonly taps: TapMaker;
  /**
   * Waits until another connection may be dumped; `undefined` if it may now. With `overflow` `drop`,
   * only files of ended connections that are still being closed make it wait. Also called after each
   * batch from a worker.
   */
  room(): Promise<void> | undefined;
  /** For workers; their records go to {@link take}. */
  readonly order: DumpOrder;
  readonly take: TakeRecord;
}
