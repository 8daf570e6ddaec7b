import { parseIp } from "../address/ip.ts";
import type { ServiceLookup } from "../address/services.ts";
import type { Endpoint } from "../base/endpoint.ts";
import { mustFit } from "../channel_set/channel_set.ts";
import { parseGroups } from "../cli/groups.ts";
import type { Options } from "../cli/options.ts";
import type { NamePlan, Names } from "../names/names.ts";

/**
 * Parses the channels, and resolves their hosts.
 *
 * @throws {ExitError} If a channel is invalid, a group is empty, or a host is unknown.
 * @throws {ChannelSetError} If the table is too small.
 */
export async function planChannels(
  options: Options,
  { listen, source, services, names, table }: {
    /** Its port is that of channels without one. */
    readonly listen: Endpoint;
    /** The address of `-B`. */
    readonly source: string | undefined;
    readonly services: ServiceLookup;
    readonly names: Pick<Names, "plan">;
    /** The size of the table, which names may fill. @default as of the options */
    readonly table?: { readonly maxGroups: number; readonly maxChannels: number };
  },
): Promise<NamePlan> {
  const { channels, maxGroups, maxChannels, places: { hints }, backends: { schedules } } = options;
  const limits = { maxGroups, maxChannels };
  const groupOptions = { defaultPort: listen.port, services, schedules, hints, ...limits };
  const { maxGroups: groups, maxChannels: perGroup } = table ?? limits;
  const parsed = parseGroups(channels, groupOptions);
  // Only names are cut to the size of the table.
  mustFit(parsed, { groups, channels: perGroup });
  return await names.plan(parsed, {
    ...{ resolve: options.resolveS, schedules, maxGroups: groups, maxChannels: perGroup },
    sourceLength: source === undefined ? undefined : parseIp(source)?.length,
  });
}
