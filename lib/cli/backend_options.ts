/** The options about backends: health checks, schedules and the wait line. Pure. */

import { type CheckSettings, DEFAULT_CHECK_SETTINGS } from "../check/settings.ts";
import { type CheckSpec, parseCheckSpec } from "../check/spec.ts";
import { SpecError } from "../check/spec_error.ts";
import { UsageError } from "../base/errors.ts";
import { durationFault, parseDuration, strictInteger } from "../base/integers.ts";
import { parseSendProxy, SEND_PROXY_FAULT, type SendProxy } from "../proxy_protocol/send_proxy.ts";
import { type Place, placed } from "../config_file/place.ts";
import { SCHEDULE_NAMES, type ScheduleName } from "../table/states.ts";
import type { Arguments } from "./arguments.ts";
import { checkScheduledGroup } from "./operands.ts";
import { choiceValue, durationValue, integerValue } from "./values.ts";

/** `--passive`: after how many failed connects in a row a channel is down, and for how long. */
export interface PassiveLimit {
  readonly failures: number;
  readonly downMs: number;
}

/** `--wait`: how long and how many clients may wait for a channel. */
export interface WaitLimit {
  readonly ms: number;
  readonly max: number;
}

/** `--schedule`. */
export interface Schedules {
  /** For all groups that `!` or nothing ends. */
  readonly all?: ScheduleName;
  readonly byGroup: ReadonlyMap<number, ScheduleName>;
}

/** The options about backends. A plain record. */
export interface BackendOptions {
  /** `--check`: the check of all channels that have none of their own; never of kind `none`. */
  readonly check: CheckSpec | undefined;
  readonly checkSettings: CheckSettings;
  /** `default`: only a connect timeout makes a channel suspect. `off`: as in 3.35. */
  readonly passive: "default" | "off" | PassiveLimit;
  /** `--on-down`: what happens to the connections of a channel that is down. */
  readonly onDown: OnDown;
  /** `--slow-start` in milliseconds; 0 for none. */
  readonly slowStartMs: number;
  readonly schedules: Schedules;
  readonly wait: WaitLimit | undefined;
  /** `--send-proxy`: the PROXY header that backends get. */
  readonly sendProxy: SendProxy;
}

const ON_DOWN = ["keep", "close"] as const;

/** What `--on-down` takes. */
export type OnDown = typeof ON_DOWN[number];

const DAY_MS = 86_400_000;
const INTERVAL_MS = { min: 50, max: DAY_MS }, CHECK_TIMEOUT_MS = { min: 10, max: DAY_MS };
const IN_A_ROW = { min: 1, max: 1000 };
const PASSIVE_DOWN_MS = { min: 100, max: DAY_MS }, DEFAULT_PASSIVE_DOWN_MS = 30_000;
const SLOW_START_MS = { min: 0, max: DAY_MS };
const WAIT_MS = { min: 1, max: DAY_MS }, WAITING = { min: 1, max: 65536 }, DEFAULT_WAITING = 1024;

/** The options of a command line that has none of these. */
export const DEFAULT_BACKEND_OPTIONS: BackendOptions = {
  check: undefined,
  checkSettings: DEFAULT_CHECK_SETTINGS,
  passive: "default",
  onDown: "keep",
  slowStartMs: 0,
  schedules: { byGroup: new Map() },
  wait: undefined,
  sendProxy: "none",
};

/**
 * Parses the options about backends.
 *
 * @param mode Only the mode `"balance"` has backends.
 * @throws {UsageError} If a value is invalid, or `--schedule` names a group that does not exist.
 */
export function backendOptions(args: Arguments, mode: string): BackendOptions {
  if (mode !== "balance") return DEFAULT_BACKEND_OPTIONS;
  const { intervalMs, rise, fall, timeoutMs } = DEFAULT_CHECK_SETTINGS;
  return {
    check: checkValue(args),
    checkSettings: {
      intervalMs: durationValue(args, "interval", INTERVAL_MS) ?? intervalMs,
      rise: integerValue(args, "rise", IN_A_ROW) ?? rise,
      fall: integerValue(args, "fall", IN_A_ROW) ?? fall,
      timeoutMs: durationValue(args, "check-timeout", CHECK_TIMEOUT_MS) ?? timeoutMs,
    },
    passive: passiveValue(args),
    onDown: choiceValue(args, "on-down", ON_DOWN) ?? "keep",
    slowStartMs: durationValue(args, "slow-start", SLOW_START_MS) ?? 0,
    schedules: schedulesValue(args),
    wait: waitValue(args),
    sendProxy: sendProxyValue(args),
  };
}

/** The schedule of a group, by its number and the separator that ends it. */
export function scheduleOf(
  { all, byGroup }: Schedules,
  group: number,
  separator: "!" | "%",
): ScheduleName {
  return byGroup.get(group) ?? (separator === "%" ? "hash" : all ?? "rr");
}

function checkValue({ values }: Arguments): CheckSpec | undefined {
  const text = values.get("check");
  if (text === undefined) return undefined;
  try {
    const check = parseCheckSpec(text);
    return check.kind === "none" ? undefined : check;
  } catch (error) {
    if (!(error instanceof SpecError)) throw error;
    throw new UsageError(error.message.replace(/^invalid check /, "invalid --check "), "check");
  }
}

function passiveValue({ values }: Arguments): BackendOptions["passive"] {
  const text = values.get("passive");
  if (text === undefined) return "default";
  if (text === "off") return "off";
  const { first, second } = halves(text, "/");
  const failures = strictInteger(first, IN_A_ROW);
  if (failures === undefined) {
    const { min, max } = IN_A_ROW;
    throw invalid("passive", text, `[${first}] is neither off nor a number from ${min} to ${max}`);
  }
  if (second === undefined) return { failures, downMs: DEFAULT_PASSIVE_DOWN_MS };
  const downMs = parseDuration(second, PASSIVE_DOWN_MS);
  if (downMs !== undefined) return { failures, downMs };
  throw invalid("passive", text, `[${second}] is ${durationFault(PASSIVE_DOWN_MS)}`);
}

function waitValue({ values }: Arguments): WaitLimit | undefined {
  const text = values.get("wait");
  if (text === undefined) return undefined;
  const { first, second } = halves(text, ":");
  const ms = parseDuration(first, WAIT_MS);
  if (ms === undefined) throw invalid("wait", text, `[${first}] is ${durationFault(WAIT_MS)}`);
  const max = second === undefined ? DEFAULT_WAITING : strictInteger(second, WAITING);
  if (max !== undefined) return { ms, max };
  throw invalid("wait", text, `[${second}] is not a number from ${WAITING.min} to ${WAITING.max}`);
}

function sendProxyValue({ values }: Arguments): SendProxy {
  const text = values.get("send-proxy") ?? "none", found = parseSendProxy(text);
  if (found === undefined) throw invalid("send-proxy", text, SEND_PROXY_FAULT);
  return found;
}

/** Splits a text at the first separator. */
function halves(text: string, separator: string): { first: string; second: string | undefined } {
  const at = text.indexOf(separator);
  if (at < 0) return { first: text, second: undefined };
  return { first: text.slice(0, at), second: text.slice(at + 1) };
}

function schedulesValue({ values, given, operands }: Arguments): Schedules {
  const text = values.get("schedule");
  if (text === undefined) return DEFAULT_BACKEND_OPTIONS.schedules;
  const found = new Map<number | "all", { name: ScheduleName; place: Place | undefined }>();
  for (const { value = "", place } of given.get("schedule") ?? []) {
    for (const item of value.split(",")) {
      placed(place, () => {
        const { group, name } = scheduleItem(item), before = found.get(group);
        // The command line replaces what the file has for the same group.
        if (before !== undefined && (before.place === undefined) === (place === undefined)) {
          const what = group === "all" ? "all groups have" : `group ${group} has`;
          throw invalid("schedule", text, `${what} two schedules`);
        }
        found.set(group, { name, place });
      });
    }
  }
  const byGroup = new Map<number, ScheduleName>(), all = found.get("all");
  for (const [group, { name, place }] of found) {
    if (group === "all") continue;
    byGroup.set(group, name);
    placed(place, () => checkScheduledGroup(group, name, operands.slice(1)));
  }
  return all === undefined ? { byGroup } : { all: all.name, byGroup };
}

function scheduleItem(item: string): { group: number | "all"; name: ScheduleName } {
  const [, group, word] = /^(?:(\d{1,6})=)?(.*)$/s.exec(item) ?? [];
  const name = SCHEDULE_NAMES.find((one) => one === word);
  if (name === undefined) {
    throw invalid("schedule", item, `not one of ${SCHEDULE_NAMES.join(", ")}`);
  }
  return { group: group === undefined ? "all" : Number(group), name };
}

function invalid(name: string, text: string, reason: string): UsageError {
  return new UsageError(`invalid --${name} [${text}]: ${reason}`, name);
}
