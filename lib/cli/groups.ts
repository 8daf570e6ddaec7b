import { type ChannelSpec, parseChannelSpec, splitAttributes } from "../address/channel_spec.ts";
import type { ServiceLookup } from "../address/services.ts";
import { about, UnavailableError, UsageError, withName } from "../base/errors.ts";
import { MAX_TABLE_SIZE } from "../base/limits.ts";
import { type ChannelAttributes, parseChannelAttributes } from "../check/channel_attributes.ts";
import { SpecError } from "../check/spec_error.ts";
import type { ScheduleName } from "../table/states.ts";
import { DEFAULT_BACKEND_OPTIONS, scheduleOf, type Schedules } from "./backend_options.ts";

/** A channel as given on the command line, with its attributes parsed. */
export interface GroupChannel extends Omit<ChannelSpec, "attributes"> {
  readonly attributes: ChannelAttributes;
  /** Its index in the arguments. */
  readonly index: number;
}

/** A group as given on the command line. */
export interface GroupSpec {
  readonly schedule: ScheduleName;
  readonly channels: readonly GroupChannel[];
}

/**
 * Parses channels and separators. `!` ends a group with the schedule for all groups, by default round
 * robin; `%` ends a hash group. The last group needs no separator and is then as if `!` ended it.
 *
 * @param args The arguments after the port.
 * @throws {UsageError} If a channel is invalid or a limit is exceeded.
 * @throws {UnavailableError} If a group is empty. The subject of any error is an index of `args`.
 * @see balance(1), CHANNELS AND GROUPS
 */
export function parseGroups(
  args: readonly string[],
  options: {
    defaultPort: number;
    services: ServiceLookup;
    maxGroups: number;
    maxChannels: number;
    schedules?: Schedules;
    /** What to add to the error if the host of an argument is unknown. */
    hints?: readonly (string | undefined)[];
  },
): GroupSpec[] {
  const { schedules = DEFAULT_BACKEND_OPTIONS.schedules, hints = [] } = options;
  const groups: GroupSpec[] = [];
  let channels: GroupChannel[] = [];
  for (const [index, arg] of args.entries()) {
    about(index, () => {
      if (arg === "!" || arg === "%") {
        if (channels.length === 0) throw new UnavailableError(withName("no channels in group"));
        groups.push({ schedule: scheduleOf(schedules, groups.length, arg), channels });
        channels = [];
        return;
      }
      if (groups.length === options.maxGroups) throw exceeded("groups", options.maxGroups);
      if (channels.length === options.maxChannels) throw exceeded("channels", options.maxChannels);
      const hint = hints[index],
        fault = hint === undefined
          ? blankForColon(args[index - 1], arg, options.services)
          : { fault: hint };
      const { attributes, ...channel } = parseChannelSpec(arg, options);
      channels.push({ ...fault, ...channel, attributes: attributesOf(arg, attributes), index });
    });
  }
  if (channels.length > 0) {
    groups.push({ schedule: scheduleOf(schedules, groups.length, "!"), channels });
  }
  return groups;
}

function attributesOf(channel: string, pairs: readonly string[]): ChannelAttributes {
  try {
    return parseChannelAttributes(pairs);
  } catch (error) {
    if (!(error instanceof SpecError)) throw error;
    throw new UsageError(withName(`channel [${channel}]: ${error.message}`));
  }
}

/** What to add if the host in `web1 http` is unknown: it is the port of the argument before it. */
function blankForColon(
  before: string | undefined,
  text: string,
  services: ServiceLookup,
): Pick<ChannelSpec, "fault"> {
  const { address: port } = splitAttributes(text);
  const { address: host } = splitAttributes(before ?? "");
  const isPort = /^[a-z]/i.test(port) && services(port) !== undefined;
  if (!isPort || host === "" || /[:!%]/.test(host)) return {};
  return { fault: `a colon precedes the port: ${host}:${text}` };
}

/** The message of 3.35, and which option raises the limit. */
function exceeded(what: "groups" | "channels", limit: number): UsageError {
  const remedy = limit < MAX_TABLE_SIZE
    ? `raise the limit of ${limit} with --max-${what}`
    : `${limit} is the highest possible limit`;
  return new UsageError(`MAX${what.toUpperCase()} exceeded..., ${remedy}`);
}
