import type { Caution } from "../table/states.ts";
import type { Table } from "../table/table.ts";
import { type ChannelCheck, isCurrent } from "./channel_check.ts";

/** Milliseconds for which a channel is suspect after a connect timeout. */
export const SUSPECT_MS = 10_000;
/** Milliseconds for which a channel rests after a failed connect (`--wait`). */
export const RESTING_MS = 200;

/** Lets time pass for channels that real connections failed to reach: then they are half open. */
export interface Reprobes {
  /** After `ms` milliseconds the channel is half open, if it is still in the given state then. */
  after(ms: number, check: ChannelCheck, from: "suspect" | "resting" | "down"): void;
  /** Forgets a channel. */
  cancel(check: ChannelCheck): void;
  /** Stops all timers. */
  close(): void;
}

/** Makes {@link Reprobes} of a table. */
export function openReprobes(table: Table): Reprobes {
  const timers = new Map<ChannelCheck, ReturnType<typeof setTimeout>>();

  function cancel(check: ChannelCheck): void {
    clearTimeout(timers.get(check));
    timers.delete(check);
  }

  return {
    after(ms, check, from) {
      cancel(check);
      const timer = setTimeout(() => {
        timers.delete(check);
        table.locked(() => halfOpen(table, check, from));
      }, ms);
      Deno.unrefTimer(timer);
      timers.set(check, timer);
    },
    cancel,
    close() {
      for (const check of timers.keys()) cancel(check);
    },
  };
}

function halfOpen(table: Table, check: ChannelCheck, from: Caution | "down"): void {
  const { group, channel } = check;
  if (!isCurrent(table, check)) return;
  // Only its check brings a channel up that has one.
  const applies = from === "down"
    ? table.health(group, channel) === "down" && !table.isChecked(group, channel)
    : table.caution(group, channel) === from;
  if (applies) table.setCaution(group, channel, "half open");
}
