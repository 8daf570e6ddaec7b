import type { Table } from "../table/table.ts";
import type { ChannelCheck } from "./channel_check.ts";
import { applyRamp } from "./ramp.ts";

/** Percent of its weight with which a channel starts. */
const START_PERCENT = 10;
/** The ramp has this many steps, each at least this many milliseconds long. */
const STEPS = 20, MIN_STEP_MS = 100;

/** Channels that are gaining their weight after they came up (`--slow-start`). */
export interface SlowStarts {
  /** A channel comes up now; called before it gets clients. */
  begin(check: ChannelCheck): void;
  /** It is down, or has another backend: it has its whole weight for the next time. */
  end(check: ChannelCheck): void;
  /** Sets how long the next ones take, in milliseconds; 0 for none. */
  setTime(ms: number): void;
  /** Stops all timers. */
  close(): void;
}

/** @param ms How long a channel takes; 0 for no slow start. */
export function openSlowStarts(table: Table, ms: number): SlowStarts {
  const timers = new Map<ChannelCheck, ReturnType<typeof setInterval>>();

  function stop(check: ChannelCheck): void {
    clearInterval(timers.get(check));
    timers.delete(check);
  }

  function set(check: ChannelCheck, percent: number): void {
    check.rampPercent = percent;
    applyRamp(table, check);
  }

  return {
    begin(check) {
      if (ms === 0) return;
      stop(check);
      const start = performance.now(), whole = ms;
      set(check, START_PERCENT);
      const timer = setInterval(() => {
        const part = (performance.now() - start) / whole;
        set(check, Math.min(100, START_PERCENT + (100 - START_PERCENT) * part));
        if (part >= 1) stop(check);
      }, Math.max(MIN_STEP_MS, ms / STEPS));
      Deno.unrefTimer(timer);
      timers.set(check, timer);
    },
    end(check) {
      stop(check);
      set(check, 100);
    },
    setTime(next) {
      ms = next;
    },
    close() {
      for (const check of timers.keys()) stop(check);
    },
  };
}
