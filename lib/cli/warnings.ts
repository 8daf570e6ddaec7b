/** Warnings about command lines that are accepted but probably not meant like this. Pure. */

import { splitAttributes } from "../address/channel_spec.ts";
import { splitHost } from "../address/host_port.ts";
import { formatIp, parseIpv4 } from "../address/ip.ts";
import { type Subject, withName } from "../base/errors.ts";
import { counted, lenientInteger, strictInteger } from "../base/integers.ts";
import { printable, shortened } from "../base/printable.ts";
import { formatPlace } from "../config_file/place.ts";
import type { ScheduleName } from "../table/states.ts";
import { type Arguments, typed } from "./arguments.ts";
import { type BackendOptions, scheduleOf } from "./backend_options.ts";
import type { Mode } from "./mode.ts";

/** Modes that serve nothing, and the long options that they heed. */
const HEEDED: Readonly<Record<string, { option: string; names: readonly string[] }>> = {
  command: { option: "-c", names: ["strict", "config"] },
  shell: { option: "-i", names: ["config"] },
  list: { option: "--list", names: ["list", "json"] },
};

/**
 * What the operator should know about a valid command line.
 *
 * @param backends The options about backends in `args`.
 * @returns One sentence each, without a newline; usually none.
 */
export function warningsOf(mode: Mode, args: Arguments, backends: BackendOptions): string[] {
  return warningsIn(mode, args, backends).map(({ subject, text }) => {
    const { options, channels } = args.places;
    const place = typeof subject === "number" ? channels[subject] : options.get(subject);
    return place === undefined ? text : `${formatPlace(place)}: ${text}`;
  });
}

/** A warning, and what it is about. */
interface Warning {
  readonly subject: Subject;
  readonly text: string;
}

function warningsIn(mode: Mode, args: Arguments, backends: BackendOptions): Warning[] {
  if (mode === "balance") {
    const channels = args.operands.slice(1);
    return [
      ...optionWarnings(args),
      ...channelWarnings(channels, { wait: backends.wait !== undefined }),
      ...backendWarnings(args, scheduledChannels(channels, backends), backends),
    ];
  }
  const heeded = HEEDED[mode];
  if (heeded === undefined) return [];
  // Options of 3.35 are ignored without a warning, as there.
  return [...args.flags, ...args.values.keys()]
    .filter((name) => name.length > 1 && !heeded.names.includes(name))
    .map((name) => ({ subject: name, text: `--${name} has no effect with ${heeded.option}` }));
}

/** The warnings as they are printed, without a newline. Arguments in them are escaped. */
export function warningLines({ warnings }: { warnings: readonly string[] }): string[] {
  return warnings.map((text) => withName(`warning: ${printable(shortened(text))}`));
}

function optionWarnings(args: Arguments): Warning[] {
  const { flags, values } = args, warnings: Warning[] = [];
  const warn = (subject: Subject, text: string) => warnings.push({ subject, text });
  if (flags.has("strict")) warn("strict", "--strict has no effect without -c");
  const listen = values.get("b");
  if (flags.has("6") && listen !== undefined && parseIpv4(listen) !== undefined) {
    warn("6", `${typed(args, "6")} has no effect with ${typed(args, "b")} ${listen}`);
  }
  for (const name of ["b", "B"]) {
    const address = bareNumber(values.get(name) ?? "");
    if (address !== undefined) {
      warn(name, `${typed(args, name)} [${values.get(name)}] is the address ${address}`);
    }
  }
  for (const name of ["t", "T"]) {
    const text = values.get(name);
    if (text === undefined) continue;
    const seconds = lenientInteger(text);
    if (strictInteger(text, { min: seconds, max: seconds }) !== undefined) continue;
    warn(name, `${typed(args, name)} [${text}] is read as ${counted(seconds, "second")}`);
  }
  return warnings;
}

function channelWarnings(
  operands: readonly string[],
  { wait }: { wait: boolean },
): Warning[] {
  if (operands.length === 0) {
    const what = wait ? "wait" : "are disconnected";
    return [{ subject: "listen", text: `no channels given, clients ${what} until one is created` }];
  }
  return operands.flatMap((text, subject) => {
    const parts = splitHost(splitAttributes(text).address);
    if (parts === undefined || parts.host === "") return [];
    const [, maxc = "", ...more] = parts.rest?.split(":") ?? [];
    const warnings: string[] = [];
    const address = bareNumber(parts.host);
    if (address !== undefined && !parts.bracketed) {
      const before = operands[subject - 1] ?? "HOST";
      const host = /[:!%]/.test(before) ? "HOST" : before;
      warnings.push(
        `channel [${text}] is the address ${address}, not a port; ` +
          `a colon precedes the port: ${host}:${text}`,
      );
    }
    const limit = strictInteger(maxc, { min: -Infinity, max: Infinity });
    if (limit !== undefined && limit < 0) {
      warnings.push(`channel [${text}]: maxc ${limit} allows no connections; 0 means no limit`);
    }
    if (more.length > 0) {
      warnings.push(`channel [${text}]: [:${more.join(":")}] is ignored, nothing follows maxc`);
    }
    return warnings.map((text) => ({ subject, text }));
  });
}

/** A channel as given, as far as its attributes matter here. */
interface ScheduledChannel {
  /** Its index in the operands. */
  readonly index: number;
  readonly text: string;
  readonly schedule: ScheduleName;
  /** Whether its group has the schedule for all groups. */
  readonly common: boolean;
  readonly attributes: ReadonlyMap<string, string>;
  readonly checked: boolean;
  /** Whether that is an agent-check, which has a port of its own. */
  readonly hasAgent: boolean;
}

function scheduledChannels(
  operands: readonly string[],
  { check, schedules }: BackendOptions,
): ScheduledChannel[] {
  const found: ScheduledChannel[] = [];
  let group = 0, given: { index: number; text: string }[] = [];
  for (const [index, word] of [...operands, "!"].entries()) {
    if (word !== "!" && word !== "%") {
      given.push({ index, text: word });
      continue;
    }
    const schedule = scheduleOf(schedules, group, word);
    const common = word === "!" && !schedules.byGroup.has(group);
    for (const { index, text } of given) {
      const pairs = splitAttributes(text).attributes.map((pair) => pair.split(/=(.*)/s));
      const attributes = new Map(pairs.map(([key = "", value = ""]) => [key, value]));
      const own = attributes.get("check");
      const checked = own === undefined ? check !== undefined : own !== "none";
      const hasAgent = own === undefined ? check?.kind === "agent" : own.startsWith("agent:");
      found.push({ index, text, schedule, common, attributes, checked, hasAgent });
    }
    group++;
    given = [];
  }
  return found;
}

function backendWarnings(
  { values }: Arguments,
  channels: readonly ScheduledChannel[],
  { passive, schedules }: BackendOptions,
): Warning[] {
  if (channels.length === 0) return [];
  const warnings: Warning[] = [];
  const warn = (names: readonly string[], reason: string) => {
    const given = names.filter((name) => values.has(name));
    warnings.push(...given.map((name) => ({
      subject: name,
      text: `--${name} [${values.get(name)}]: ${reason}`,
    })));
  };
  if (!channels.some(({ checked }) => checked)) {
    warn(["interval", "rise", "fall", "check-timeout"], "no channel has a check, see --check");
    if (typeof passive === "string") {
      warn(["on-down", "slow-start"], "without --check and --passive, no channel goes down");
    }
  }
  if (schedules.all !== undefined && !channels.some(({ common }) => common)) {
    const reason = "every group ends with % (hash) or has a schedule of its own";
    warnings.push({ subject: "schedule", text: `--schedule [${schedules.all}]: ${reason}` });
  }
  for (const { index, text, schedule, attributes, checked, hasAgent } of channels) {
    const weight = attributes.get("weight") ?? "1";
    if ((schedule === "hash" || schedule === "first") && Number(weight) > 1) {
      const reason = `the schedule ${schedule} ignores the weight ${weight}`;
      warnings.push({ subject: index, text: `channel [${text}]: ${reason}` });
    }
    if (attributes.has("check-port") && (!checked || hasAgent)) {
      const why = hasAgent ? "on an agent-check: agent:PORT" : "without a check, see --check";
      warnings.push({ subject: index, text: `channel [${text}]: check-port has no effect ${why}` });
    }
  }
  return warnings;
}

/** The address that a number without dots is, if it could also be meant as a port. */
function bareNumber(host: string): string | undefined {
  if (!/^[1-9]\d{0,4}$/.test(host)) return undefined;
  const address = parseIpv4(host);
  return address && formatIp(address);
}
