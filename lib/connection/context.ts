/** What connections are given. */

import type { Engine } from "../engine/engine.ts";
import type { Table } from "../table/table.ts";
import type { Clock } from "./clock.ts";
import type { Monitor, TapMaker } from "./observe.ts";
import type { BurstNotices } from "./once_per_burst.ts";
import type { Timeouts } from "./timeouts.ts";

/** What options mean for a connection. A plain record: it is cloned to workers as it is. */
export interface ConnectionOptions extends Timeouts {
  /** `-H`: failover within hash groups. */
  readonly hashFailover: boolean;
  /** `-a`: disable a channel that cannot be connected to. */
  readonly autoDisable: boolean;
  /** `-B`: local address of connections to backends. */
  readonly source?: string | undefined;
}

/** What all connections of one isolate share. */
export interface ConnectionContext {
  readonly engine: Engine;
  readonly table: Table;
  readonly clock: Clock;
  readonly options: ConnectionOptions;
  /** Prints a line for the operator. */
  readonly notice: (line: string) => void;
  /** Reports a shortage of our own, once per burst. */
  readonly shortage: BurstNotices;
  /** `-d`: prints a line about what happens; absent without it. */
  readonly debug?: ((line: string) => void) | undefined;
  /** Makes taps for the current packet dump, which may change; `undefined` without a dump. */
  readonly tap: () => TapMaker | undefined;
  /** Log and metrics; absent without them. */
  readonly monitor?: Monitor | undefined;
}
