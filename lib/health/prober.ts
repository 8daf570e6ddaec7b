import { formatIp } from "../address/ip.ts";
import type { ProbeResult } from "../check/probe_result.ts";
import { probe, type ProbeTarget } from "../check/probes/probe.ts";
import type { CheckSettings } from "../check/settings.ts";
import type { Share } from "../system/capacity.ts";
import type { ChannelNames } from "../table/channel_names.ts";
import type { Table } from "../table/table.ts";
import type { ChannelCheck } from "./channel_check.ts";
import { isChanging } from "./trend.ts";

/**
 * Probes start at most this often per interval, all that are due together: a turn of the event loop
 * costs more than a probe. Bounds of the time between two starts, in milliseconds.
 */
const TICKS = 20, MIN_TICK_MS = 5, MAX_TICK_MS = 50;
/** The interval is divided by this for a channel that is going up or down. */
const FASTER = 3;

/** What a {@link Prober} works with. */
export interface ProberParts {
  readonly table: Table;
  readonly names: ChannelNames;
  readonly settings: CheckSettings;
  /** `-B` */
  readonly source: string | undefined;
  /** The descriptors of probes. */
  readonly descriptors: Share;
  /** Probes are late by an interval or more, because there are not enough descriptors. */
  readonly onLate: () => void;
  /** A probe has ended that still concerns the backend of its channel. */
  readonly onResult: (check: ChannelCheck, result: ProbeResult) => void;
}

/**
 * Probes channels, each at its time, and never one twice at the same time. Its timer does not keep
 * the program alive.
 */
export class Prober {
  readonly #parts: ProberParts;
  #settings: CheckSettings;
  #tickMs: number;
  readonly #watched = new Set<ChannelCheck>();
  #running = 0;
  /** Resolves when no probe is running, after the end. */
  readonly #idle = Promise.withResolvers<void>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #wakeAt = Infinity;
  /** Whether a probe waits for a descriptor. */
  #isStarved = false;
  #isClosed = false;

  constructor(parts: ProberParts) {
    this.#parts = parts;
    this.#settings = parts.settings;
    this.#tickMs = tickOf(parts.settings);
  }

  /** Other settings apply from now on. A new interval begins at once. */
  setSettings(settings: CheckSettings): void {
    const isSooner = settings.intervalMs < this.#settings.intervalMs;
    this.#settings = settings;
    this.#tickMs = tickOf(settings);
    if (!isSooner) return;
    const latest = performance.now() + settings.intervalMs;
    for (const check of this.#watched) {
      // Infinity: a probe is running.
      if (check.dueAt === Infinity || check.dueAt <= latest) continue;
      check.dueAt = performance.now() + settings.intervalMs * Math.random();
      this.#wake(check.dueAt);
    }
  }

  /** Probes a channel at once and then at the interval; forgets a probe that is running. */
  begin(check: ChannelCheck): void {
    forgetRunning(check);
    this.#watched.add(check);
    check.dueAt = performance.now();
    this.#wake(check.dueAt);
  }

  /** Probes a channel no longer; forgets a probe that is running. */
  end(check: ChannelCheck): void {
    forgetRunning(check);
    this.#watched.delete(check);
    check.dueAt = Infinity;
  }

  /** Ends all probes. Resolves when that is done. */
  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    for (const check of this.#watched) forgetRunning(check);
    if (this.#running > 0) await this.#idle.promise;
  }

  /** Starts probes at this time or shortly after, together with others. */
  #wake(at: number): void {
    if (this.#isClosed || at === Infinity) return;
    // The tolerance is for rounding errors, which would add a tick.
    const tick = Math.ceil(at / this.#tickMs - 1e-6) * this.#tickMs;
    if (tick >= this.#wakeAt) return;
    clearTimeout(this.#timer);
    this.#wakeAt = tick;
    this.#timer = setTimeout(() => this.#startDue(), Math.max(0, tick - performance.now()));
    Deno.unrefTimer(this.#timer);
  }

  #startDue(): void {
    const now = performance.now();
    // The time that was planned, so that the interval is exact; not if it is long past.
    const started = Math.max(this.#wakeAt, now - this.#tickMs);
    this.#wakeAt = Infinity;
    this.#isStarved = false;
    const due: ChannelCheck[] = [];
    let next = Infinity;
    for (const check of this.#watched) {
      if (check.dueAt <= Math.max(started, now)) due.push(check);
      else next = Math.min(next, check.dueAt);
    }
    // The one that has waited longest comes first if there are not enough descriptors.
    for (const check of due.sort((a, b) => a.dueAt - b.dueAt)) {
      this.#isStarved = !this.#parts.descriptors.take();
      if (this.#isStarved) {
        if (now - check.dueAt > this.#settings.intervalMs) this.#parts.onLate();
        break;
      }
      void this.#run(check, started);
    }
    this.#wake(next);
  }

  async #run(check: ChannelCheck, started: number): Promise<void> {
    const { descriptors, onResult } = this.#parts, { timeoutMs } = this.#settings;
    const isFirst = check.last === undefined, run = {}, { signal } = check.abort;
    check.running = run;
    check.dueAt = Infinity;
    check.target ??= targetOf(this.#parts, check);
    this.#running++;
    const result = await probe(check.spec!, check.target, { timeoutMs, signal });
    descriptors.release();
    if (--this.#running === 0 && this.#isClosed) this.#idle.resolve();
    if (this.#isStarved) this.#wake(performance.now());
    // The channel has another backend or check now, or is gone.
    if (check.running !== run) return;
    check.running = undefined;
    onResult(check, result);
    check.dueAt = Math.max(started + this.#pauseOf(check, isFirst), performance.now());
    this.#wake(check.dueAt);
  }

  /** From the start of a probe to that of the next one, in milliseconds. */
  #pauseOf({ group, channel, trend }: ChannelCheck, isFirst: boolean): number {
    const { table } = this.#parts, { intervalMs } = this.#settings;
    if (isChanging(trend, table.health(group, channel))) return intervalMs / FASTER;
    return isFirst ? intervalMs * Math.random() : intervalMs;
  }
}

function tickOf({ intervalMs }: CheckSettings): number {
  return Math.min(MAX_TICK_MS, Math.max(MIN_TICK_MS, intervalMs / TICKS));
}

function forgetRunning(check: ChannelCheck): void {
  if (check.running === undefined) return;
  check.running = undefined;
  check.abort.abort();
  check.abort = new AbortController();
}

function targetOf({ table, names, source }: ProberParts, check: ChannelCheck): ProbeTarget {
  const { group, channel, attributes: { checkPort } } = check;
  const address = formatIp(table.address(group, channel));
  return {
    host: names.get(group, channel) ?? address,
    address,
    port: checkPort ?? table.port(group, channel),
    source,
    group,
    channel,
    get sendProxy() {
      // Another port is another service.
      return checkPort === undefined ? table.sendProxy(check.group, check.channel) : "none";
    },
    get connections() {
      return table.c(check.group, check.channel);
    },
  };
}
