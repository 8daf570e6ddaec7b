import type { ChannelAttributes } from "../check/channel_attributes.ts";
import type { ScheduleName } from "../table/states.ts";

/** A channel of the command line or the configuration file. */
export interface BaselineChannel {
  /** Its identity in its group. */
  readonly key: string;
  readonly host: string;
  readonly port: number;
  readonly maxc: number;
  readonly attributes: ChannelAttributes;
}

/** What the command line and the configuration file want, and where the table has it. */
export interface Baseline {
  /** By number of the group. */
  readonly wanted: readonly {
    readonly schedule: ScheduleName;
    readonly channels: readonly BaselineChannel[];
  }[];
  /** The key of the configured channel in a slot; `undefined` if an operator created it. */
  keyOf(group: number, channel: number): string | undefined;
  /** An operator has removed a channel. */
  removed(group: number, channel: number): void;
}
