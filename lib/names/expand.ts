/** The channels that groups as written should have, with what their hosts resolve to. Pure. */

import { hostForm } from "../address/host_form.ts";
import { formatEndpoint } from "../address/host_port.ts";
import { formatIp } from "../address/ip.ts";
import { type UnnumberedChannel, type WantedGroup, wantedGroups } from "../channel_set/wanted.ts";
import { scheduleOf, type Schedules } from "../cli/backend_options.ts";
import type { GroupChannel, GroupSpec } from "../cli/groups.ts";
import { MAX_WEIGHT, type ScheduleName } from "../table/states.ts";
import type { KnownHost, KnownTarget } from "./answer.ts";

/** How many channels may exist. */
export interface ExpandLimits {
  readonly maxGroups: number;
  readonly maxChannels: number;
  /** For groups that only SRV records make. */
  readonly schedules: Schedules;
}

/** The channels of groups. */
export interface Expanded {
  readonly wanted: readonly WantedGroup[];
  /** The host as written of each channel that came from a name, by {@link originKey}. */
  readonly origins: ReadonlyMap<string, string>;
  /** Lines about hosts that resolve to more channels than fit. */
  readonly tooMany: ReadonlyMap<string, string>;
}

/** A channel and the host that it came from; `rank` 0 is the group where that is written. */
interface Expansion {
  readonly from: string;
  readonly rank: number;
  readonly channel: UnnumberedChannel;
}

/** What {@link Expanded.origins} is found by. */
export function originKey(group: number, key: string): string {
  return `${group} ${key}`;
}

/**
 * Expands groups.
 *
 * A host without an address is one channel without an address. If a group gets more channels than
 * fit, each of its hosts keeps at least one, and the first ones of each count, in order.
 */
export function expandGroups(
  groups: readonly GroupSpec[],
  known: ReadonlyMap<string, KnownHost>,
  limits: ExpandLimits,
): Expanded {
  const tooMany = new Map<string, string>();
  const entries = groups.map(({ channels }) => channels.map((one) => expand(one, known)));
  const made: { schedule: ScheduleName; channels: UnnumberedChannel[] }[] = [];
  const froms: string[][] = [];
  for (let group = 0; group < limits.maxGroups; group++) {
    const written = (entries[group] ?? []).map((one) => one.filter(({ rank }) => rank === 0));
    const joining = entries.slice(0, group).flatMap((channels, at) =>
      channels.map((one) => one.filter(({ rank }) => rank === group - at))
    ).filter(({ length }) => length > 0);
    if (group >= groups.length && joining.length === 0) break;
    const fitting = fit({ written, joining }, { ...limits, group, tooMany });
    const schedule = groups[group]?.schedule ?? scheduleOf(limits.schedules, group, "!");
    made.push({ schedule, channels: fitting.map(({ channel }) => channel) });
    froms.push(fitting.map(({ from }) => from));
  }
  for (
    const { from } of entries.flatMap((channels, at) =>
      channels.flat().filter(({ rank }) => at + rank >= made.length)
    )
  ) {
    tooMany.set(
      from,
      `name ${from} needs more groups than --max-groups ${limits.maxGroups} allows`,
    );
  }
  const wanted = wantedGroups(made), origins = new Map<string, string>();
  for (const [group, { channels }] of wanted.entries()) {
    for (const [i, { key }] of channels.entries()) {
      origins.set(originKey(group, key), froms[group]![i]!);
    }
  }
  return { wanted, origins, tooMany };
}

/** The channels of one group that fit. */
function fit(
  { written, joining }: { written: readonly Expansion[][]; joining: readonly Expansion[][] },
  { maxChannels, group, tooMany }: ExpandLimits & { group: number; tooMany: Map<string, string> },
): Expansion[] {
  const fitting: Expansion[] = [];
  for (const [i, channels] of [...written, ...joining].entries()) {
    const stillToCome = Math.max(0, written.length - i - 1);
    const used = channels.slice(0, Math.max(0, maxChannels - fitting.length - stillToCome));
    fitting.push(...used);
    const from = channels[0]?.from;
    if (used.length === channels.length || from === undefined) continue;
    tooMany.set(
      from,
      `name ${from} has ${channels.length} channels in group ${group}, of which ` +
        `${used.length} fit (--max-channels ${maxChannels})`,
    );
  }
  return fitting;
}

/** The channels of one argument. */
function expand(written: GroupChannel, known: ReadonlyMap<string, KnownHost>): Expansion[] {
  const { host, port, maxc, attributes } = written;
  const form = hostForm(host), found = known.get(host);
  const make = (channel: Partial<UnnumberedChannel>, rank = 0): Expansion => ({
    from: host,
    rank,
    channel: { host, address: undefined, port, maxc, attributes, ...channel },
  });
  if (form.kind === "address") return [make({ address: form.address })];
  const [address] = found?.addresses ?? [];
  if (form.kind === "name") return [make({ address })];
  const key = formatEndpoint({ address: host, port });
  if (form.kind === "all") {
    const { name } = form;
    if (address === undefined) return [make({ host: name, key })];
    return found!.addresses.map((address) => {
      const hashName = `${name}/${formatIp(address)}`;
      return make({ host: name, address, key: `${key}/${formatIp(address)}`, hashName });
    });
  }
  const targets = found?.targets ?? [];
  if (targets.length === 0) return [make({ key: host, port: 0 })];
  const priorities = [...new Set(targets.map(({ priority }) => priority))];
  return targets.map((one) => {
    const { target, port, address, priority } = one;
    const weight = attributes.weight ??
      weightOf(one, targets.filter((other) => other.priority === priority));
    const key = `${host}/${target}:${port}`;
    const channel = { host: target, address, port, key, attributes: { ...attributes, weight } };
    return make(channel, priorities.indexOf(priority));
  });
}

/**
 * The weight of an SRV record, 0 to 65535, as that of a channel, 1 to 256: all those of a priority
 * are scaled alike if one is higher than 256. A channel of weight 0 would get no clients; a record of
 * weight 0 gets few (RFC 2782).
 */
function weightOf({ weight }: KnownTarget, all: readonly KnownTarget[]): number {
  const highest = Math.max(MAX_WEIGHT, ...all.map((one) => one.weight));
  return Math.max(1, Math.round(weight * MAX_WEIGHT / highest));
}
