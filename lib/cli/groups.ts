import { type ChannelSpec, parseChannelSpec } from "../address/channel_spec.ts";
import type { ServiceLookup } from "../address/services.ts";
import { UnavailableError, UsageError } from "../base/errors.ts";
import type { GroupType } from "../table/table.ts";

/** A group as the command line describes it. */
export interface GroupSpec {
  readonly type: GroupType;
  readonly channels: readonly ChannelSpec[];
}

/**
 * Reads the channels and their separators: `!` ends a round robin group, `%` a hash group, the
 * last group is round robin unless `%` follows it. A separator at the very end opens no group.
 *
 * @param args The arguments behind the port.
 * @param options Defaults of a channel, and the limits.
 * @throws {UsageError} If there are more groups or channels than the limits allow.
 * @throws {UnavailableError} If a group is empty.
 * @see balance(1), GROUPS
 */
export function parseGroups(
  args: readonly string[],
  options: {
    defaultPort: number;
    services: ServiceLookup;
    maxGroups: number;
    maxChannels: number;
  },
): GroupSpec[] {
  const groups: GroupSpec[] = [];
  let channels: ChannelSpec[] = [];
  for (const arg of args) {
    if (arg === "!" || arg === "%") {
      if (channels.length === 0) throw new UnavailableError("balance: no channels in group");
      groups.push({ type: arg === "%" ? "hash" : "rr", channels });
      channels = [];
      continue;
    }
    if (groups.length === options.maxGroups) throw new UsageError("MAXGROUPS exceeded...");
    if (channels.length === options.maxChannels) throw new UsageError("MAXCHANNELS exceeded...");
    channels.push(parseChannelSpec(arg, options));
  }
  if (channels.length > 0) groups.push({ type: "rr", channels });
  return groups;
}
