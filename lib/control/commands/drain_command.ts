/** Commands that empty channels: `drain`, `undrain`. */

import { delay } from "@std/async/delay";
import { channelText } from "../../base/connection_info.ts";
import { counted, durationFault, parseDuration } from "../../base/integers.ts";
import type { Table } from "../../table/table.ts";
import { type Command, CommandError, message, type Reply } from "./command.ts";
import { changeState } from "./channel_commands.ts";
import type { Drain, DrainEnd } from "./drains.ts";
import { readChannel } from "./numbers.ts";

/** Minimum of milliseconds between two lines about the same drain. */
const REPORT_MS = 1000;
/** Range of a deadline in milliseconds, up to 30 days. */
const DEADLINE_RANGE = { min: 0, max: 2_592_000_000 };

const ALL = "--all";

export const DRAIN: Command = {
  name: "drain",
  args: ["<channel>|--all"],
  optional: "[seconds]",
  words: { min: 1, max: 2 },
  newer: true,
  next: (words) => words.length === 0 ? ["<channel>", ALL] : [],
  help: "no new connections, and wait until all have ended",
  changes: "connections",
  run: ({ table, drains, state }, session, [text = "", seconds]) => {
    const ms = seconds === undefined ? undefined : readDeadline(seconds);
    const channels = text === ALL
      ? channelsIn(table, ["enabled", "draining"])
      : [readChannel(table, session.group, { text })];
    if (channels.length === 0) throw new CommandError("no channel is enabled");
    const all = channels.map(({ group, channel }) => {
      state.note(group, channel, { state: "draining" });
      return drains.start(group, channel, ms);
    });
    if (all.every(({ end }) => end !== undefined)) return ending(all);
    return {
      text: drainingLine(all),
      async *progress(signal) {
        yield* reports(all, signal);
        return signal.aborted && all.some(({ end }) => end === undefined)
          ? { text: drainingLine(all) }
          : ending(all);
      },
    };
  },
};

export const UNDRAIN: Command = {
  name: "undrain",
  args: ["<channel>|--all"],
  newer: true,
  next: (words) => words.length === 0 ? ["<channel>", ALL] : [],
  help: "enable a channel, or all that are draining",
  changes: true,
  run: (context, session, [text = ""]) => {
    if (text !== ALL) {
      const at = readChannel(context.table, session.group, { text });
      return changeState(context, { ...at, name: channelText(at)! }, "enabled");
    }
    const channels = channelsIn(context.table, ["draining"])
      .filter(({ group, channel }) => !context.table.isLeaving(group, channel));
    const { table, drains, state } = context;
    // Together, so that clients in the wait line are distributed over all of them.
    table.locked(() => {
      for (const { group, channel } of channels) table.setState(group, channel, "enabled");
    });
    for (const { group, channel } of channels) state.note(group, channel, { state: "enabled" });
    drains.look();
    return message(`${counted(channels.length, "channel")} enabled`);
  },
};

interface ChannelAt {
  readonly group: number;
  readonly channel: number;
}

function channelsIn(
  table: Table,
  states: readonly ReturnType<Table["state"]>[],
): readonly ChannelAt[] {
  return [...table.rows()].filter(({ state }) => states.includes(state));
}

function readDeadline(text: string): number {
  const ms = parseDuration(text, DEADLINE_RANGE);
  if (ms !== undefined) return ms;
  throw new CommandError(`invalid deadline [${text}]: ${durationFault(DEADLINE_RANGE)}`);
}

/** A line whenever the number of connections has changed, until all have ended or it is aborted. */
async function* reports(all: readonly Drain[], signal: AbortSignal): AsyncGenerator<string> {
  const ended = new AbortController();
  void Promise.all(all.map((drain) => drain.ended)).then(() => ended.abort());
  const isOver = AbortSignal.any([signal, ended.signal]);
  let before = leftIn(all);
  while (!isOver.aborted) {
    await delay(REPORT_MS, { signal: isOver }).catch(() => {});
    const left = leftIn(all);
    if (left !== before && !isOver.aborted) yield drainingLine(all);
    before = left;
  }
}

function leftIn(all: readonly Drain[]): number {
  return all.reduce((sum, { left, end }) => end === undefined ? sum + left : sum, 0);
}

function drainingLine(all: readonly Drain[]): string {
  const open = all.filter(({ end }) => end?.type !== "canceled");
  return `${subject(open)} draining: ${counted(leftIn(open), "connection")} left\n`;
}

/** The end of the reply: which drains were canceled, and what became of the others. */
function ending(all: readonly Drain[]): Reply {
  const canceled = all.flatMap(({ end, ...at }) =>
    end?.type === "canceled" ? [`channel ${channelText(at)} ${canceledText(end)}\n`] : []
  );
  const drained = all.filter(({ end }) => end?.type === "drained");
  const closed = drained.reduce(
    (sum, { end }) => end?.type === "drained" ? sum + end.closed : sum,
    0,
  );
  const suffix = closed === 0 ? "" : `, ${counted(closed, "connection")} closed at the deadline`;
  const lines = drained.length === 0 ? [] : [`${subject(drained)} drained${suffix}\n`];
  return { text: [...canceled, ...lines].join(""), failed: canceled.length > 0 || closed > 0 };
}

function canceledText({ state }: Extract<DrainEnd, { type: "canceled" }>): string {
  switch (state) {
    case "free":
      return "was removed";
    case "reassigned":
      return "has a new address, so the drain was canceled";
    default:
      return `is ${state}, no longer draining`;
  }
}

/** The start of a sentence: `channel 0.1 is` or `3 channels are`. */
function subject(all: readonly ChannelAt[]): string {
  const [one] = all;
  return all.length === 1 && one !== undefined
    ? `channel ${channelText(one)} is`
    : `${counted(all.length, "channel")} are`;
}
