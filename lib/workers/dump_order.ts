import type { TapMaker } from "../connection/observe.ts";
import type { DumpOverflow } from "../dump/dump_file.ts";
import type { FilterOptions } from "../dump/filter.ts";
import type { TakeRecord } from "../dump/record.ts";

/** What a worker has to know of a dump. Can be cloned to it. */
export interface DumpOrder {
  /** Tells the records of one dump from those of the one before. */
  readonly generation: number;
  readonly filter: FilterOptions;
  readonly overflow: DumpOverflow;
}

/** A dump, as those know it who serve connections. */
export interface PlaneDump {
  /** Makes taps for connections of this isolate. */
  readonly taps: TapMaker;
  /** For workers, whose records {@link take} gets. */
  readonly order: DumpOrder;
  readonly take: TakeRecord;
}
