/** Which channels should exist, and their identity within a group. Pure. */

import { formatEndpoint } from "../address/host_port.ts";
import type { Ip } from "../address/ip.ts";
import type { ChannelAttributes } from "../check/channel_attributes.ts";
import type { ScheduleName } from "../table/states.ts";

/** A channel that should exist. */
export interface WantedChannel {
  /**
   * Identity within its group: host and port as written; equal ones get `#2`, `#3`, ... One that was
   * expanded from a name has its address in it.
   */
  readonly key: string;
  /** As written: for names and the consistent hash. Of `NAME*`: the name. */
  readonly host: string;
  /** What the consistent hash uses instead of `host`, with the port. @default `host` */
  readonly hashName?: string | undefined;
  /** `undefined`: the name has no address now, and the channel is down. */
  readonly address: Ip | undefined;
  /** 0 to 65535. */
  readonly port: number;
  /** Maximum connections; 0 for no limit. */
  readonly maxc: number;
  readonly attributes: ChannelAttributes;
}

/** A group that should exist. */
export interface WantedGroup {
  readonly schedule: ScheduleName;
  readonly channels: readonly WantedChannel[];
}

/** A channel that should exist, without the number that distinguishes it from equal ones. */
export type UnnumberedChannel = Omit<WantedChannel, "key"> & {
  /** @default host and port as written */
  readonly key?: string;
};

/** Gives each channel of a group its key. */
function withKeys(channels: readonly UnnumberedChannel[]): WantedChannel[] {
  const counts = new Map<string, number>();
  return channels.map((channel) => {
    const { host, port } = channel;
    const { key: name = formatEndpoint({ address: host, port }), ...rest } = channel;
    const count = (counts.get(name) ?? 0) + 1;
    counts.set(name, count);
    return { ...rest, key: count === 1 ? name : `${name}#${count}` };
  });
}

/** Gives each channel of all groups its key. */
export function wantedGroups(
  groups: readonly {
    readonly schedule: ScheduleName;
    readonly channels: readonly UnnumberedChannel[];
  }[],
): WantedGroup[] {
  return groups.map(({ schedule, channels }) => ({ schedule, channels: withKeys(channels) }));
}
