/** `top` as lines of text, from two samples and the size of the screen. Pure. */

import { formatEndpoint } from "../../address/host_port.ts";
import { channelText } from "../../base/connection_info.ts";
import { counted } from "../../base/integers.ts";
import { shortDuration } from "./short_duration.ts";
import { NAME } from "../../base/version.ts";
import { stateText } from "../../table/show.ts";
import type { Size } from "../terminal/terminal.ts";
import { TOP_ORDERS, type TopList, type TopOrders } from "./order.ts";
import { type ChannelRates, type RatedChannel, ratedChannels, totalRates } from "./rates.ts";
import type { TopConnection, TopSample } from "./sample.ts";
import { compact, shortened, type TableColumn, tableLines } from "./table.ts";

/** One line of a frame. */
export interface FrameLine {
  /** Without trailing spaces, at most as wide as the screen. */
  readonly text: string;
  /** How a terminal shows it. */
  readonly style?: "bold" | "heading" | "dim" | undefined;
}

/** Focus and scroll positions of the live view. */
export interface TopPlace {
  /** The list that the arrow keys scroll. */
  readonly focus: TopList;
  /** First visible line of each list, from 0. */
  readonly from: Readonly<Record<TopList, number>>;
}

/** Options of {@linkcode topFrame}. */
interface FrameOptions extends Size {
  /** Sort orders. The sample lists connections in their order; it is only printed here. */
  readonly orders?: TopOrders;
  /** Absent for a single frame, which has no line for keys. */
  readonly place?: TopPlace | undefined;
}

/** The smallest screen that `top` supports. */
const MIN_SIZE: Size = { columns: 40, rows: 8 };

/** Minimum rows of a screen to give each list a title with the visible range. */
const MIN_ROWS_WITH_TITLES = 14;

const SUMMARY_ROWS = 3;

/**
 * How many lines each list has on a screen: channels get what they need, but at most half of it
 * while connections need the rest.
 *
 * @param options `live`: whether there is a line for keys.
 */
export function topLayout(
  sample: TopSample,
  { rows, live }: Size & { live: boolean },
): Readonly<Record<TopList, number>> & { readonly titles: boolean } {
  const titles = rows >= MIN_ROWS_WITH_TITLES;
  const space = rows - SUMMARY_ROWS - (live ? 1 : 0) - (titles ? 4 : 2);
  const wanted = Math.max(sample.channels.length, 1);
  const others = Math.max(connectionCount(sample), 1);
  const channels = Math.min(wanted, Math.max(Math.floor(space / 2), space - others));
  return { channels, connections: space - channels, titles };
}

/** Number of connections, listed or not. */
export function connectionCount({ states }: TopSample): number {
  // A server of 4.0.0 sends no `waiting`.
  return Object.values(states).reduce((all, count) => all + count, 0);
}

/**
 * One frame: a summary, the channels, connections, and the keys.
 *
 * @param before An earlier sample, for the rates of channels.
 * @returns As many lines as the screen has rows.
 */
export function topFrame(
  sample: TopSample,
  before: TopSample | undefined,
  options: FrameOptions,
): FrameLine[] {
  const { columns, rows, orders = TOP_ORDERS, place } = options;
  if (columns < MIN_SIZE.columns || rows < MIN_SIZE.rows) return tooSmall(options);
  const channels = ratedChannels(sample, before, orders.channels);
  const layout = topLayout(sample, { columns, rows, live: place !== undefined });
  const list = <T>(name: TopList, all: readonly T[], format: ListFormat<T>): FrameLine[] => {
    const count = layout[name];
    const from = Math.max(0, Math.min(place?.from[name] ?? 0, all.length - count));
    const [heading = "", ...texts] = tableLines(format.columns, all, {
      width: columns,
      from,
      count,
    });
    const lines: FrameLine[] = texts.map((text, index) => ({
      text,
      style: format.style?.(all[from + index]!),
    }));
    if (lines.length === 0) lines.push({ text: `no ${name}`, style: "dim" });
    while (lines.length < count) lines.push({ text: "" });
    lines.unshift({ text: heading, style: "heading" });
    if (layout.titles) {
      const { key, reversed } = orders[name];
      const to = from + texts.length;
      const range = `${Math.min(from + 1, to)}-${to} of ${format.of}`;
      const order = `by ${key}${reversed ? ", reversed" : ""}`;
      const title = format.of === 0 ? name : `${name} ${range} ${order}`;
      const focused = place?.focus === name;
      const mark = place === undefined ? "" : focused ? "> " : "  ";
      lines.unshift({ text: `${mark}${title}`, style: focused ? "bold" : undefined });
    }
    return lines;
  };
  const frame: FrameLine[] = [
    ...summary(sample, channels, columns),
    ...list("channels", channels, {
      columns: CHANNEL_COLUMNS,
      of: channels.length,
      style: (row) => row.state !== "enabled" ? "dim" : isDown(row) ? "bold" : undefined,
    }),
    ...list("connections", sample.connections, {
      columns: CONNECTION_COLUMNS,
      of: connectionCount(sample),
    }),
  ];
  if (place !== undefined) frame.push({ text: fitted(KEYS, columns), style: "dim" });
  return frame.map(({ text, style }) => ({ text: text.trimEnd(), style }));
}

/** A frame as text without styles. */
export function frameText(frame: readonly FrameLine[]): string {
  return frame.map(({ text }) => `${text}\n`).join("");
}

/** How to show a list. */
interface ListFormat<T> {
  readonly columns: readonly TableColumn<T>[];
  /** Total number of rows, listed or not. */
  readonly of: number;
  readonly style?: (row: T) => FrameLine["style"];
}

// deno-fmt-ignore
const KEYS = [
  "q quit", "n number", "c conns", "r rate", "s sent", "d rcvd", "a age", "tab/arrows scroll",
];

const CONNECTION_STATES = {
  header: "head",
  waiting: "wait",
  dialing: "dial",
  open: "open",
  "half-closed": "half",
  closing: "clos",
} as const;

const compactOrDash = (value: number | undefined) => value === undefined ? "-" : compact(value);

const CHANNEL_COLUMNS: readonly TableColumn<RatedChannel>[] = [
  { title: "CHAN", cell: (row) => `${row.group}.${row.channel}`, left: true, rank: 0 },
  { title: "S", cell: (row) => stateText(row), left: true, rank: 5 },
  { title: "ADDRESS", cell: formatEndpoint, left: true, flexible: true, rank: 1 },
  { title: "C", cell: (row) => String(row.c), width: 4, rank: 2 },
  { title: "MAXC", cell: (row) => row.maxc === 0 ? "-" : String(row.maxc), rank: 8 },
  { title: "CONN/s", cell: ({ rates }) => compactOrDash(rates?.conns), rank: 6 },
  { title: "SENT/s", cell: ({ rates }) => compactOrDash(rates?.sent), rank: 3 },
  { title: "RCVD/s", cell: ({ rates }) => compactOrDash(rates?.rcvd), rank: 4 },
  { title: "TOTALC", cell: (row) => compact(row.totalc), rank: 10 },
  { title: "SENT", cell: (row) => compact(row.sent), width: 5, rank: 7 },
  { title: "RCVD", cell: (row) => compact(row.rcvd), width: 5, rank: 9 },
];

const CONNECTION_COLUMNS: readonly TableColumn<TopConnection>[] = [
  { title: "ID", cell: (row) => String(row.id), width: 5, rank: 0 },
  {
    title: "CLIENT",
    cell: ({ client }) => formatEndpoint(client),
    left: true,
    flexible: true,
    rank: 1,
  },
  { title: "CHAN", cell: (row) => channelText(row) ?? "-", left: true, rank: 4 },
  { title: "STATE", cell: (row) => CONNECTION_STATES[row.state], left: true, rank: 9 },
  { title: "AGE", cell: (row) => shortDuration(row.ageMs), width: 6, rank: 5 },
  { title: "IDLE", cell: (row) => shortDuration(row.idleMs), width: 6, rank: 8 },
  { title: "SENT/s", cell: (row) => compactOrDash(row.sentRate), rank: 2 },
  { title: "RCVD/s", cell: (row) => compactOrDash(row.rcvdRate), rank: 3 },
  { title: "SENT", cell: (row) => compact(row.sent), width: 5, rank: 6 },
  { title: "RCVD", cell: (row) => compact(row.rcvd), width: 5, rank: 7 },
];

/** Whether an enabled channel gets no connections because its backend is down. */
function isDown({ state, health }: RatedChannel): boolean {
  return state === "enabled" && health === "down";
}

/** The three lines of totals. */
function summary(
  sample: TopSample,
  channels: readonly RatedChannel[],
  columns: number,
): FrameLine[] {
  const { version, pid, timeMs, listener, workers, states } = sample;
  const rates = totalRates(channels);
  const sum = (of: "totalc" | "sent" | "rcvd") =>
    compact(channels.reduce((all, channel) => all + channel[of], 0));
  const perSecond = (of: keyof ChannelRates) => `${compactOrDash(rates?.[of])}/s`;
  const down = channels.filter(isDown).length;
  const about = [
    `${NAME} ${version}`,
    ...(listener === undefined ? [] : [formatEndpoint(listener)]),
    `up ${shortDuration(timeMs)}`,
    ...(down > 0 ? [`${counted(down, "channel")} down`] : []),
    `pid ${pid}`,
    ...(workers > 1 ? [`${workers} workers`] : []),
  ];
  const connections = [
    "connections",
    `${connectionCount(sample) - states.closing} open`,
    ...(states.header > 0 ? [`${states.header} awaiting header`] : []),
    ...(states.waiting > 0 ? [`${states.waiting} waiting`] : []),
    perSecond("conns"),
    `${states.dialing} dialing`,
    `${states["half-closed"]} half-closed`,
    ...(states.closing > 0 ? [`${states.closing} closing`] : []),
    `${sum("totalc")} in all`,
  ];
  const bytes = [
    "bytes",
    `sent ${perSecond("sent")}`,
    `rcvd ${perSecond("rcvd")}`,
    `sent ${sum("sent")} in all`,
    `rcvd ${sum("rcvd")} in all`,
  ];
  return [
    { text: fitted(about, columns), style: "bold" },
    { text: fitted(connections, columns) },
    { text: fitted(bytes, columns) },
  ];
}

/** Joins as many words as fit; the most important ones are first. */
function fitted(words: readonly string[], columns: number): string {
  let text = "";
  for (const word of words) {
    const longer = text === "" ? word : `${text}  ${word}`;
    if (longer.length > columns) break;
    text = longer;
  }
  return text;
}

function tooSmall({ columns, rows }: Size): FrameLine[] {
  const lines = [
    "terminal too small",
    `${columns}x${rows}, minimum ${MIN_SIZE.columns}x${MIN_SIZE.rows}`,
  ];
  return Array.from({ length: rows }, (_, row) => ({
    text: shortened(lines[row] ?? "", Math.max(columns, 1)),
  }));
}
