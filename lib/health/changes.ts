import type { Reason } from "../base/reason.ts";
import type { CheckCounters } from "../check/check_counters.ts";
import type { ProbeResult } from "../check/probe_result.ts";
import type { BackendOptions } from "../cli/backend_options.ts";
import { type BurstNotices, oncePerBurst } from "../connection/once_per_burst.ts";
import type { BackendEvent } from "../schedule/verdict.ts";
import type { ChannelHealth } from "../table/states.ts";
import type { Table } from "../table/table.ts";
import { applyAgent } from "./agent.ts";
import { type ChangeLines, changeLines } from "./change_lines.ts";
import {
  type ChannelCheck,
  type ChannelPlace,
  isCurrent,
  nothingKnown,
  provesConnect,
} from "./channel_check.ts";
import { applyRamp } from "./ramp.ts";
import { openReprobes, type Reprobes, RESTING_MS, SUSPECT_MS } from "./reprobes.ts";
import { openSlowStarts, type SlowStarts } from "./slow_starts.ts";
import { healthOf, nextTrend, NO_TREND } from "./trend.ts";

/** Closes the open connections of a channel. */
export type CloseConnections = (
  selection: ChannelPlace & { readonly reason: Reason },
) => Promise<unknown>;

/** What {@link Changes} work with. */
export interface ChangesParts {
  readonly table: Table;
  readonly options: BackendOptions;
  readonly counters: CheckCounters;
  /** Prints a line for the operator. */
  readonly notice: (line: string) => void;
}

/** Changes the health of channels, and does what follows from that. */
export class Changes {
  /** For `--on-down close`; until it is set, channels are remembered. */
  #close: CloseConnections | undefined;
  readonly #toClose = new Set<ChannelPlace>();
  readonly #parts: ChangesParts;
  #options: BackendOptions;
  readonly #lines: ChangeLines;
  readonly #shortage: BurstNotices;
  readonly #slowStarts: SlowStarts;
  readonly #reprobes: Reprobes;

  constructor(parts: ChangesParts) {
    const { table, options, notice } = parts;
    this.#parts = parts;
    this.#options = options;
    this.#lines = changeLines(table, notice);
    this.#shortage = oncePerBurst(notice);
    this.#slowStarts = openSlowStarts(table, options.slowStartMs);
    this.#reprobes = openReprobes(table);
  }

  /** A probe has ended. It counts only for the backend that was probed. */
  probed(check: ChannelCheck, result: ProbeResult): void {
    const { table, counters } = this.#parts, { checkSettings } = this.#options;
    const { group, channel } = check;
    if (!isCurrent(table, check)) return;
    const { ok, text, ms, agent, inconclusive } = result;
    // Microseconds are enough for `checks --json`.
    check.last = { ok, text, ms: Math.round(ms * 1000) / 1000, atMs: Date.now() };
    if (inconclusive) return this.#shortage.notice(`cannot check backends: ${text}`);
    counters.probed(group, channel, result);
    const state = agent && applyAgent(table, check, agent);
    if (state !== undefined) this.#lines.changed(check, state, text);
    check.trend = nextTrend(check.trend, ok);
    const before = table.health(group, channel);
    // The health that an agent reports takes effect at once.
    const health = agent?.health ?? healthOf(check.trend, before, checkSettings);
    if (health === "up" && before === "down") this.#slowStarts.begin(check);
    this.#apply(check, { ok, health });
    this.#report(check, () => agent?.health ? text : `${text} ${this.#count(check)}`);
    // An agent may have changed the state or the weight.
    if (agent !== undefined) this.look();
  }

  /** Other options apply from now on. */
  setOptions(options: BackendOptions): void {
    this.#options = options;
    this.#slowStarts.setTime(options.slowStartMs);
  }

  /** Reports once per burst that checks are late. */
  checksAreLate(): void {
    this.#shortage.notice("health checks are late: not enough file descriptors");
  }

  #apply(
    check: ChannelCheck,
    { ok, health }: { ok: boolean; health: "up" | "down" | undefined },
  ): void {
    const { table } = this.#parts, { group, channel } = check;
    const isUsual = health === undefined && table.failures(group, channel) === 0 &&
      table.caution(group, channel) === "none";
    if (isUsual) return;
    table.locked(() => {
      if (health !== undefined) table.setHealth(group, channel, health);
      const isDown = table.health(group, channel) === "down";
      const proves = health === "up" || (ok && !isDown && provesConnect(check));
      if (proves) table.setFailures(group, channel, 0);
      // One that is down and half open would get clients.
      if (proves || isDown) table.setCaution(group, channel, "none");
    });
    if (table.caution(group, channel) === "none") this.#reprobes.cancel(check);
  }

  /** For example `(3 of 3 checks)`. */
  #count({ trend: { successes, failures }, reported }: ChannelCheck): string {
    const { rise, fall } = this.#options.checkSettings;
    const of = successes > 0 ? rise : fall;
    const count = Math.min(Math.max(successes, failures), of);
    return reported === "unknown" && count < of ? "(first check)" : `(${count} of ${of} checks)`;
  }

  /** Something happened to a channel because of a connection. */
  backendEvent(check: ChannelCheck, { kind, generation, text }: BackendEvent): void {
    if (kind === "disabled") return this.#lines.lookAtAll();
    if (kind === "unreachable") return;
    if (check.generation !== generation || !isLatest(this.#parts.table, check, kind)) return;
    const { passive } = this.#options;
    switch (kind) {
      case "suspect":
        return this.#reprobes.after(SUSPECT_MS, check, kind);
      case "resting":
        return this.#reprobes.after(RESTING_MS, check, kind);
      case "down":
        if (typeof passive !== "string") this.#reprobes.after(passive.downMs, check, kind);
        // Checks that passed before do not bring it up again.
        if (check.reported !== "down") check.trend = NO_TREND;
        return this.#report(check, () => text);
      case "up":
        if (isLatest(this.#parts.table, check, "cleared")) this.#reprobes.cancel(check);
        if (check.reported === "down") this.#slowStarts.begin(check);
        return this.#report(check, () => text);
      case "cleared":
        return this.#reprobes.cancel(check);
    }
  }

  /** A channel is no longer checked. Without a check, it could stay down forever. */
  unchecked(check: ChannelCheck): void {
    const { table } = this.#parts, { group, channel } = check;
    this.#reprobes.cancel(check);
    table.locked(() => {
      table.setHealth(group, channel, "unknown");
      table.setCaution(group, channel, "none");
      table.setFailures(group, channel, 0);
    });
    this.#report(check, () => "no longer checked");
  }

  /** A channel has another check now. */
  rechecked(check: ChannelCheck): void {
    check.trend = NO_TREND;
    check.last = undefined;
    check.agentPercent = 100;
    applyRamp(this.#parts.table, check);
  }

  /** A channel has another backend. */
  renewed(check: ChannelCheck): void {
    const { table } = this.#parts;
    this.removed(check);
    Object.assign(check, nothingKnown(table, check));
    applyRamp(table, check);
    this.#lines.lookAtAll();
  }

  /** A channel is gone. */
  removed(check: ChannelCheck): void {
    this.#reprobes.cancel(check);
    this.#slowStarts.end(check);
    this.#lines.lookAtAll();
  }

  /** Reports whether all channels are down, if that has changed. */
  look(): void {
    this.#lines.lookAtAll();
  }

  /** Stops all timers. */
  stop(): void {
    this.#reprobes.close();
    this.#slowStarts.close();
  }

  /** Sets how connections are closed. */
  closeWith(close: CloseConnections): void {
    this.#close = close;
    for (const place of this.#toClose) this.#closeAll(place);
    this.#toClose.clear();
  }

  #closeAll(place: ChannelPlace): void {
    if (this.#close === undefined) return void this.#toClose.add(place);
    // A worker that does not answer has died, and its connections with it.
    this.#close({ ...place, reason: "backend down" }).catch(() => {});
  }

  /**
   * Reports the health in the table if it differs from what was reported last.
   *
   * @param why Makes the reason, only if it does.
   */
  #report(check: ChannelCheck, why: () => string): void {
    const { table, counters } = this.#parts, { group, channel, reported } = check;
    const health = table.health(group, channel);
    if (health === reported) return;
    const text = why();
    check.reported = health;
    check.sinceMs = Date.now();
    if (health === "down") {
      this.#slowStarts.end(check);
      if (this.#options.onDown === "close") this.#closeAll({ group, channel });
    }
    if (isChange(reported, health)) {
      counters.changed(group, channel);
      this.#lines.changed(check, health === "down" ? "down" : "up", text);
    }
    this.#lines.lookAtAll();
  }
}

/**
 * Whether the table still has what an event reports. Events of different workers may arrive out of
 * order: an outdated one must not replace or cancel the timer of a later one, without which the
 * channel would never be tried again.
 */
function isLatest(
  table: Table,
  { group, channel }: ChannelPlace,
  kind: Exclude<BackendEvent["kind"], "disabled" | "unreachable">,
): boolean {
  const health = table.health(group, channel), caution = table.caution(group, channel);
  switch (kind) {
    case "down":
      return health === "down";
    case "up":
      return health !== "down";
    case "cleared":
      return caution === "none";
    default:
      return caution === kind;
  }
}

/** Passing the first check is not reported as a change. */
function isChange(from: ChannelHealth, to: ChannelHealth): boolean {
  return from === "down" || to === "down";
}
