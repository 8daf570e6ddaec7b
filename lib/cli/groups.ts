import { type ChannelSpec, parseChannelSpec } from "../address/channel_spec.ts";
import type { ServiceLookup } from "../address/services.ts";
import { UnavailableError, UsageError, withName } from "../base/errors.ts";
import { MAX_TABLE_SIZE } from "../base/limits.ts";
import type { GroupType } from "../table/table.ts";

/** A group as given on the command line. */
export interface GroupSpec {
  readonly type: GroupType;
  readonly channels: readonly ChannelSpec[];
}

/**
 * Parses channels and separators. `!` ends a round robin group, `%` ends a hash group. The last
 * group needs no separator and is then round robin.
 *
 * @param args The arguments after the port.
 * @throws {UsageError} If a limit is exceeded.
 * @throws {UnavailableError} If a group is empty.
 * @see balance(1), GROUPS
 */
export function parseGroups(
  args: readonly string[],
  options: { defaultPort: number; services: ServiceLookup; maxGroups: number; maxChannels: number },
): GroupSpec[] {
  const groups: GroupSpec[] = [];
  let channels: ChannelSpec[] = [];
  for (const [i, arg] of args.entries()) {
    if (arg === "!" || arg === "%") {
      if (channels.length === 0) throw new UnavailableError(withName("no channels in group"));
      groups.push({ type: arg === "%" ? "hash" : "rr", channels });
      channels = [];
      continue;
    }
    if (groups.length === options.maxGroups) throw exceeded("groups", options.maxGroups);
    if (channels.length === options.maxChannels) throw exceeded("channels", options.maxChannels);
    const fault = blankForColon(args[i - 1], arg, options.services);
    channels.push({ ...fault, ...parseChannelSpec(arg, options) });
  }
  if (channels.length > 0) groups.push({ type: "rr", channels });
  return groups;
}

/** What to add if the host in `web1 http` is unknown: it is the port of the argument before it. */
function blankForColon(
  before: string | undefined,
  text: string,
  services: ServiceLookup,
): Pick<ChannelSpec, "fault"> {
  const isPort = /^[a-z]/i.test(text) && services(text) !== undefined;
  if (!isPort || before === undefined || /[:!%]/.test(before)) return {};
  return { fault: `a colon precedes the port: ${before}:${text}` };
}

/** The message of 3.35, and which option raises the limit. */
function exceeded(what: "groups" | "channels", limit: number): UsageError {
  const remedy = limit < MAX_TABLE_SIZE
    ? `raise the limit of ${limit} with --max-${what}`
    : `${limit} is the highest possible limit`;
  return new UsageError(`MAX${what.toUpperCase()} exceeded..., ${remedy}`);
}
