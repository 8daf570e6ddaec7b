/** What differs between the options of a running balance and those that were read again. Pure. */

import { isDeepStrictEqual } from "node:util";
import { formatRates } from "../admission/limit_texts.ts";
import type { Options } from "../cli/options.ts";

/** An option, as in a configuration file, and what it sets. */
type Part = readonly [option: string, value: (options: Options) => unknown];

/** Those that apply while balance runs. */
const APPLY: readonly Part[] = [
  ["auto-disable", ({ autoDisable }) => autoDisable],
  ["hash-failover", ({ hashFailover }) => hashFailover],
  ["connect-timeout", ({ connectTimeoutS }) => connectTimeoutS],
  ["idle-timeout", ({ idleTimeoutS }) => idleTimeoutS],
  ["check", ({ backends }) => backends.check?.text],
  ["interval", ({ backends }) => backends.checkSettings.intervalMs],
  ["rise", ({ backends }) => backends.checkSettings.rise],
  ["fall", ({ backends }) => backends.checkSettings.fall],
  ["check-timeout", ({ backends }) => backends.checkSettings.timeoutMs],
  ["passive", ({ backends }) => backends.passive],
  ["on-down", ({ backends }) => backends.onDown],
  ["slow-start", ({ backends }) => backends.slowStartMs],
  ["wait", ({ backends: { wait } }) => wait?.ms],
  ["allow", ({ allow }) => allow?.prefixes],
  ["deny", ({ deny }) => deny?.prefixes],
  ["accept-proxy", ({ acceptProxy }) => acceptProxy?.prefixes],
  ["send-proxy", ({ backends }) => backends.sendProxy],
  ["grace", ({ graceS }) => graceS],
  ["resolve", ({ resolveS }) => resolveS],
  ["per-client", ({ limits }) => limits.perClient],
  ["accept-rate", ({ limits }) => formatRates(limits)],
];

/** Those that apply at a start only. */
const FIXED: readonly Part[] = [
  ["listen", ({ port }) => port],
  ["bind", ({ bindHost }) => bindHost],
  ["freebind", ({ freebind }) => freebind],
  ["ipv6", ({ ipv6 }) => ipv6],
  ["source", ({ sourceHost }) => sourceHost],
  ["workers", ({ workers }) => workers],
  ["engine", ({ engine }) => engine],
  ["max-groups", ({ maxGroups }) => maxGroups],
  ["max-channels", ({ maxChannels }) => maxChannels],
  ["wait", ({ backends: { wait } }) => wait?.max],
  ["log", ({ log }) => log],
  ["log-format", ({ logFormat }) => logFormat],
  ["log-start", ({ logStarts }) => logStarts],
  ["metrics", ({ metrics }) => metrics],
  ["metrics-host", ({ metricsHosts }) => metricsHosts],
  ["packet-dump", ({ dump }) => dump],
  ["pid-file", ({ pidFile }) => pidFile],
  ["state", ({ statePath }) => statePath],
  ["debug", ({ debug }) => debug],
  ["foreground", ({ foreground }) => foreground],
];

/** Differences, by the names of options. */
export interface OptionChanges {
  /** They apply at once. */
  readonly applied: readonly string[];
  /** They would need a start. */
  readonly fixed: readonly string[];
}

/** Compares the options that are in force with those that were read again. */
export function optionChanges(before: Options, after: Options): OptionChanges {
  const differing = (parts: readonly Part[]) =>
    parts.filter(([, value]) => !isDeepStrictEqual(value(before), value(after)))
      .map(([option]) => option);
  const fixed = differing(FIXED);
  return { applied: differing(APPLY).filter((option) => !fixed.includes(option)), fixed };
}

/** The options that are in force after a reload: those that apply are the new ones. */
export function optionsInForce(start: Options, after: Options): Options {
  const wait = start.backends.wait;
  return {
    ...start,
    autoDisable: after.autoDisable,
    hashFailover: after.hashFailover,
    connectTimeoutS: after.connectTimeoutS,
    idleTimeoutS: after.idleTimeoutS,
    graceS: after.graceS,
    resolveS: after.resolveS,
    allow: after.allow,
    deny: after.deny,
    acceptProxy: after.acceptProxy,
    limits: after.limits,
    channels: after.channels,
    backends: {
      ...after.backends,
      wait: wait && { max: wait.max, ms: after.backends.wait?.ms ?? wait.ms },
    },
    places: after.places,
    warnings: after.warnings,
  };
}
