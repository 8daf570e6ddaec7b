import type { Caution, ChannelHealth } from "../table/states.ts";
import type { ChannelAttributes } from "./channel_attributes.ts";
import type { CheckSpec } from "./spec.ts";

/** The result of the last probe of a channel. */
export interface LastProbe {
  readonly ok: boolean;
  /** What happened, printable, for example `HTTP 503`. */
  readonly text: string;
  /** How long it took, in milliseconds. */
  readonly ms: number;
  /** When it ended, in milliseconds since 1970. */
  readonly atMs: number;
}

/** What is known about the health of one channel. A plain record. */
export interface CheckStatus {
  /** The check as it was written; `none` without one. */
  readonly spec: string;
  readonly health: ChannelHealth;
  /** Since when, in milliseconds since 1970. */
  readonly sinceMs: number;
  /** The last probe, if there was one. */
  readonly last?: LastProbe | undefined;
  /** Consecutive successes so far; `of` that many, a channel that is down is up. */
  readonly rise: { readonly count: number; readonly of: number };
  /** Consecutive failures so far; `of` that many, a channel that is up is down. */
  readonly fall: { readonly count: number; readonly of: number };
  /** Milliseconds until the next probe starts; absent without one, and while one runs. */
  readonly nextInMs?: number | undefined;
  readonly caution: Caution;
}

/** The health checks, as control commands see them. */
export interface HealthControl {
  /** Whether checks may run programs; otherwise `exec` must not be set. */
  readonly mayExec: boolean;
  /** What is known about a channel; `undefined` if it does not exist. */
  check(group: number, channel: number): CheckStatus | undefined;
  /** The attributes of a channel, with its own check; `undefined` if it does not exist. */
  attributes(group: number, channel: number): ChannelAttributes | undefined;
  /** Changes the check of a channel; `undefined`: that of `--check`. */
  setCheck(group: number, channel: number, spec: CheckSpec | undefined): void;
  /** A channel was added. */
  created(group: number, channel: number, attributes: ChannelAttributes): void;
  /** A channel got another address, or was removed. */
  changed(group: number, channel: number): void;
  /** The state or the weight of channels may have changed: reports whether all are down. */
  look(): void;
}
