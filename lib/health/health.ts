/**
 * Decides which channels are up: it probes those that have a check, lets time pass for those that
 * real connections could not reach, and reports each change.
 *
 * It runs in the main isolate only. All workers see the result in the table at once.
 */

import { type ChannelAttributes, checkOf } from "../check/channel_attributes.ts";
import type { CheckStatus, HealthControl } from "../check/check_status.ts";
import { mayExec } from "../check/exec_permission.ts";
import type { BackendOptions } from "../cli/backend_options.ts";
import type { CheckSpec } from "../check/spec.ts";
import type { BackendEvent } from "../schedule/verdict.ts";
import type { Share } from "../system/capacity.ts";
import type { ChannelNames } from "../table/channel_names.ts";
import { Changes, type ChangesParts, type CloseConnections } from "./changes.ts";
import { type ChannelCheck, newChannelCheck } from "./channel_check.ts";
import { awaitFirstRound, type FirstRound } from "./first_round.ts";
import type { InitialGroups } from "./initial_channels.ts";
import { Prober } from "./prober.ts";

/** Milliseconds after which {@link Health.firstRound} no longer waits for slow probes. */
const FIRST_ROUND_MS = 2000;

/** What health depends on. */
export interface HealthParts extends ChangesParts {
  /** The hosts of channels as written. */
  readonly names: ChannelNames;
  /** The channels of the command line, in the order of the table. */
  readonly groups: InitialGroups;
  /** `-B` */
  readonly source: string | undefined;
  /** A probe of a channel has failed. */
  readonly unreachable?: ((group: number, channel: number) => void) | undefined;
  /** Descriptors for probes. */
  readonly descriptors: Share;
}

/** The health of all channels. */
export interface Health extends HealthControl {
  /** Starts to probe. @param close For `--on-down close`. */
  start(close: CloseConnections): void;
  /** Resolves when each channel has been probed once, or two seconds after the start. */
  firstRound(): Promise<void>;
  /** Something happened to a channel because of a connection. */
  backendEvent(event: BackendEvent): void;
  /** Channels have got other numbers, or were removed. */
  rearranged(): void;
  /** The attributes of a channel have changed, or it was added again while it left. */
  setAttributes(group: number, channel: number, attributes: ChannelAttributes): void;
  /** Other options apply from now on. */
  setOptions(options: BackendOptions): void;
  /** Ends all probes and timers. */
  close(): Promise<void>;
}

/** Prepares the checks; nothing is probed before {@link Health.start}. */
export function openHealth(parts: HealthParts): Health {
  return new Checks(parts);
}

class Checks implements Health {
  readonly #parts: HealthParts;
  #options: BackendOptions;
  /** By the ID of the channel. */
  readonly #checks = new Map<number, ChannelCheck>();
  readonly #changes: Changes;
  readonly #prober: Prober;
  #first: FirstRound | undefined;

  constructor(parts: HealthParts) {
    this.#parts = parts;
    this.#options = parts.options;
    this.#changes = new Changes(parts);
    const settings = parts.options.checkSettings;
    this.#prober = new Prober({
      ...parts,
      settings,
      onLate: () => this.#changes.checksAreLate(),
      onResult: (check, result) => {
        this.#changes.probed(check, result);
        this.#first?.done(check);
        if (!result.ok) parts.unreachable?.(check.group, check.channel);
      },
    });
    for (const [group, { channels }] of parts.groups.entries()) {
      for (const [channel, one] of channels.entries()) this.created(group, channel, one.attributes);
    }
  }

  get mayExec(): boolean {
    return mayExec();
  }

  start(close: CloseConnections): void {
    this.#changes.closeWith(close);
    const probed = [...this.#checks.values()].filter(({ spec, group, channel }) =>
      spec !== undefined && this.#parts.table.hasAddress(group, channel)
    );
    this.#first = awaitFirstRound(probed, FIRST_ROUND_MS);
    for (const check of probed) this.#prober.begin(check);
  }

  async firstRound(): Promise<void> {
    await this.#first?.over;
  }

  backendEvent(event: BackendEvent): void {
    // Since it happened, the channel may have got another number.
    const here = this.#find(event.group, event.channel);
    const check = here?.generation === event.generation
      ? here
      : [...this.#checks.values()].find(({ generation }) => generation === event.generation) ??
        here;
    if (check !== undefined) this.#changes.backendEvent(check, event);
  }

  check(group: number, channel: number): CheckStatus | undefined {
    const check = this.#find(group, channel);
    return check && this.#statusOf(check);
  }

  attributes(group: number, channel: number): ChannelAttributes | undefined {
    return this.#find(group, channel)?.attributes;
  }

  setCheck(group: number, channel: number, spec: CheckSpec | undefined): void {
    const check = this.#find(group, channel);
    if (check === undefined) return;
    const { check: _former, ...others } = check.attributes;
    this.#change(check, spec === undefined ? others : { ...others, check: spec });
  }

  setAttributes(group: number, channel: number, attributes: ChannelAttributes): void {
    const check = this.#find(group, channel);
    if (check !== undefined) this.#change(check, attributes);
  }

  #change(check: ChannelCheck, attributes: ChannelAttributes): void {
    check.attributes = attributes;
    const wasChecked = check.spec !== undefined;
    this.#changes.rechecked(check);
    this.#use(check);
    if (!this.#parts.table.hasAddress(check.group, check.channel)) return;
    if (wasChecked && check.spec === undefined) this.#changes.unchecked(check);
  }

  created(group: number, channel: number, attributes: ChannelAttributes): void {
    const { table } = this.#parts;
    if (!table.exists(group, channel)) return;
    const check = newChannelCheck(table, { group, channel }, attributes);
    this.#checks.set(check.id, check);
    this.#use(check);
  }

  changed(group: number, channel: number): void {
    const check = this.#find(group, channel);
    if (check === undefined) return;
    if (!this.#parts.table.exists(group, channel)) return this.#forget(check);
    this.#changes.renewed(check);
    this.#use(check);
  }

  rearranged(): void {
    const { table } = this.#parts;
    for (const check of this.#checks.values()) {
      const now = table.find(check.id, check);
      if (now === undefined) {
        this.#forget(check);
        continue;
      }
      if (now !== check) {
        check.group = now.group;
        check.channel = now.channel;
        check.target = undefined;
      }
      if (check.spec !== undefined && table.isLeaving(now.group, now.channel)) this.#use(check);
    }
    this.look();
  }

  setOptions(options: BackendOptions): void {
    const before = this.#options;
    this.#options = options;
    this.#changes.setOptions(options);
    this.#prober.setSettings(options.checkSettings);
    if (options.check?.text === before.check?.text) return;
    for (const check of this.#checks.values()) {
      if (check.attributes.check === undefined) this.#change(check, check.attributes);
    }
  }

  #forget(check: ChannelCheck): void {
    this.#prober.end(check);
    this.#changes.removed(check);
    this.#first?.done(check);
    this.#parts.counters.delete(check.id);
    this.#checks.delete(check.id);
  }

  look(): void {
    this.#changes.look();
  }

  async close(): Promise<void> {
    this.#first?.end();
    this.#changes.stop();
    await this.#prober.close();
  }

  #find(group: number, channel: number): ChannelCheck | undefined {
    return this.#checks.get(this.#parts.table.id(group, channel));
  }

  /** Probes a channel with the check that it has now, or no longer. */
  #use(check: ChannelCheck): void {
    const { table } = this.#parts;
    const isLeaving = table.isLeaving(check.group, check.channel);
    check.spec = isLeaving ? undefined : checkOf(check.attributes, this.#options.check);
    table.setChecked(check.group, check.channel, check.spec !== undefined);
    // Before the start, it waits for it.
    const hasAddress = table.hasAddress(check.group, check.channel);
    if (check.spec !== undefined && hasAddress && this.#first !== undefined) {
      this.#prober.begin(check);
    } else this.#prober.end(check);
    if (check.spec === undefined || !hasAddress) this.#first?.done(check);
  }

  #statusOf({ group, channel, spec, trend, last, sinceMs, dueAt }: ChannelCheck): CheckStatus {
    const { table } = this.#parts, { checkSettings: { rise, fall } } = this.#options;
    return {
      spec: spec?.text ?? "none",
      health: table.health(group, channel),
      sinceMs,
      last,
      rise: { count: Math.min(trend.successes, rise), of: rise },
      fall: { count: Math.min(trend.failures, fall), of: fall },
      nextInMs: dueAt === Infinity ? undefined : Math.max(0, Math.round(dueAt - performance.now())),
      caution: table.caution(group, channel),
    };
  }
}
