/** `top` as lines of text: pure, from two samples and the size of the screen. */

import { shortDuration } from "../../base/short_duration.ts";
import { formatEndpoint } from "../../address/host_port.ts";
import { NAME } from "../../base/version.ts";
import { STATE_TEXTS } from "../../table/show.ts";
import { TOP_ORDERS, type TopList, type TopOrder, type TopOrders } from "./order.ts";
import { type ChannelRates, type RatedChannel, ratedChannels, together } from "./rates.ts";
import type { TopConnection, TopSample } from "./sample.ts";
import { compact, shortened, type TableColumn, tableLines } from "./table.ts";

/** One line of a frame. */
export interface FrameLine {
  /** Without blanks at its end, at most as wide as the screen. */
  readonly text: string;
  /** How it looks where that is possible. */
  readonly style?: "bold" | "heading" | "dim" | undefined;
}

/** Size of a screen, in characters. */
export interface Size {
  readonly columns: number;
  readonly rows: number;
}

/** Where somebody is who looks at it live. */
export interface TopPlace {
  /** The list that the arrows move. */
  readonly focus: TopList;
  /** The first line shown of each list, from 0. */
  readonly from: Readonly<Record<TopList, number>>;
}

/** Options of {@linkcode topFrame}. */
export interface FrameOptions extends Size {
  /** How the lists are sorted; the connections of a sample are sorted already. */
  readonly orders?: TopOrders;
  /** Absent for a single frame, which is about nobody's keys. */
  readonly place?: TopPlace | undefined;
}

/** The smallest screen on which there is something to see. */
export const SMALLEST: Size = { columns: 40, rows: 8 };

/** From so many rows on, each list has a line above it that says what is shown. */
const ROWS_FOR_TITLES = 14;

/** Lines of what concerns everything. */
const SUMMARY_ROWS = 3;

/**
 * How many lines each list has on a screen: channels what they need, but not more than half as
 * long as there are connections to show.
 *
 * @param sample What is to be shown.
 * @param options The screen, and whether it is live.
 */
export function topLayout(
  sample: TopSample,
  options: Size & { live: boolean },
): Readonly<Record<TopList, number>> & { readonly titles: boolean } {
  const { rows, live } = options;
  const titles = rows >= ROWS_FOR_TITLES;
  const space = rows - SUMMARY_ROWS - (live ? 1 : 0) - (titles ? 4 : 2);
  const wanted = Math.max(sample.channels.length, 1);
  const others = Math.max(connectionCount(sample), 1);
  const channels = Math.min(wanted, Math.max(Math.floor(space / 2), space - others));
  return { channels, connections: space - channels, titles };
}

/** Number of open connections, shown or not. */
export function connectionCount({ states }: TopSample): number {
  return states.dialing + states.open + states["half-closed"];
}

/**
 * One frame: what concerns everything, the channels, some connections, and the keys.
 *
 * @param sample What to show.
 * @param before An earlier sample, for the rates of channels.
 * @param options The screen and what is wanted on it.
 * @returns As many lines as the screen has rows.
 */
export function topFrame(
  sample: TopSample,
  before: TopSample | undefined,
  options: FrameOptions,
): FrameLine[] {
  const { columns, rows, orders = TOP_ORDERS, place } = options;
  if (columns < SMALLEST.columns || rows < SMALLEST.rows) return tooSmall(options);
  const channels = ratedChannels(sample, before, orders.channels);
  const layout = topLayout(sample, { columns, rows, live: place !== undefined });
  const list = <T>(name: TopList, all: readonly T[], look: ListLook<T>) => {
    const count = layout[name];
    const from = Math.max(0, Math.min(place?.from[name] ?? 0, all.length - count));
    const [heading = "", ...lines] = tableLines(look.columns, all, { width: columns, from, count });
    const shown = lines.map((text, index) => ({ text, style: look.style?.(all[from + index]!) }));
    if (shown.length === 0) shown.push({ text: `no ${name}`, style: "dim" });
    while (shown.length < count) shown.push({ text: "", style: undefined });
    const title = titleOf(name, {
      from,
      to: from + lines.length,
      of: look.of,
      order: orders[name],
    });
    const focused = place?.focus === name;
    const above: FrameLine = {
      text: place === undefined ? title : `${focused ? ">" : " "} ${title}`,
      style: focused ? "bold" : undefined,
    };
    return [...(layout.titles ? [above] : []), { text: heading, style: "heading" }, ...shown];
  };
  const frame = [
    ...summary(sample, channels, columns),
    ...list("channels", channels, {
      columns: CHANNEL_COLUMNS,
      of: channels.length,
      style: ({ state }) => state === "disabled" ? "dim" : undefined,
    }),
    ...list("connections", sample.connections, {
      columns: CONNECTION_COLUMNS,
      of: connectionCount(sample),
    }),
    ...(place === undefined ? [] : [{ text: fitted(KEYS, columns), style: "dim" as const }]),
  ] as FrameLine[];
  return frame.map(({ text, style }) => ({ text: text.trimEnd(), style }));
}

/** A frame as text without any looks. */
export function frameText(frame: readonly FrameLine[]): string {
  return frame.map(({ text }) => `${text}\n`).join("");
}

/** How a list looks. */
interface ListLook<T> {
  readonly columns: readonly TableColumn<T>[];
  /** How many there are in all. */
  readonly of: number;
  readonly style?: (row: T) => FrameLine["style"];
}

const KEYS = [
  "q quit",
  "n number",
  "c conns",
  "r rate",
  "s sent",
  "d rcvd",
  "a age",
  "tab/arrows scroll",
];

const SHORT_STATES = { dialing: "dial", open: "open", "half-closed": "half" } as const;

const maybe = (value: number | undefined) => value === undefined ? "-" : compact(value);

const CHANNEL_COLUMNS: readonly TableColumn<RatedChannel>[] = [
  { title: "CHAN", cell: (row) => `${row.group}.${row.channel}`, left: true, rank: 0 },
  { title: "S", cell: (row) => STATE_TEXTS[row.state], left: true, rank: 5 },
  {
    title: "ADDRESS",
    cell: (row) => formatEndpoint(row),
    left: true,
    flexible: true,
    rank: 1,
  },
  { title: "C", cell: (row) => String(row.c), width: 4, rank: 2 },
  { title: "MAXC", cell: (row) => row.maxc === 0 ? "-" : String(row.maxc), rank: 8 },
  { title: "CONN/s", cell: ({ rates }) => maybe(rates?.conns), rank: 6 },
  { title: "SENT/s", cell: ({ rates }) => maybe(rates?.sent), rank: 3 },
  { title: "RCVD/s", cell: ({ rates }) => maybe(rates?.rcvd), rank: 4 },
  { title: "TOTALC", cell: (row) => compact(row.totalc), rank: 10 },
  { title: "SENT", cell: (row) => compact(row.sent), width: 5, rank: 7 },
  { title: "RCVD", cell: (row) => compact(row.rcvd), width: 5, rank: 9 },
];

const CONNECTION_COLUMNS: readonly TableColumn<TopConnection>[] = [
  { title: "ID", cell: (row) => String(row.id), width: 5, rank: 0 },
  {
    title: "CLIENT",
    cell: (row) => formatEndpoint(row.client),
    left: true,
    flexible: true,
    rank: 1,
  },
  {
    title: "CHAN",
    cell: (row) => row.channel === undefined ? "-" : `${row.group}.${row.channel}`,
    left: true,
    rank: 4,
  },
  { title: "STATE", cell: (row) => SHORT_STATES[row.state], left: true, rank: 9 },
  { title: "AGE", cell: (row) => shortDuration(row.ageMs), width: 6, rank: 5 },
  { title: "IDLE", cell: (row) => shortDuration(row.idleMs), width: 6, rank: 8 },
  { title: "SENT/s", cell: (row) => maybe(row.sentRate), rank: 2 },
  { title: "RCVD/s", cell: (row) => maybe(row.rcvdRate), rank: 3 },
  { title: "SENT", cell: (row) => compact(row.sent), width: 5, rank: 6 },
  { title: "RCVD", cell: (row) => compact(row.rcvd), width: 5, rank: 7 },
];

/** Three lines about everything. */
function summary(
  sample: TopSample,
  channels: readonly RatedChannel[],
  columns: number,
): FrameLine[] {
  const { version, pid, timeMs, listener, workers, states } = sample;
  const rates = together(channels);
  const sum = (of: "totalc" | "sent" | "rcvd") =>
    compact(channels.reduce((all, channel) => all + channel[of], 0));
  const perSecond = (of: keyof ChannelRates) => `${maybe(rates?.[of])}/s`;
  return [
    {
      text: fitted([
        `${NAME} ${version}`,
        ...(listener === undefined ? [] : [formatEndpoint(listener)]),
        `up ${shortDuration(timeMs)}`,
        `pid ${pid}`,
        ...(workers > 1 ? [`${workers} workers`] : []),
      ], columns),
      style: "bold",
    },
    {
      text: fitted([
        "connections",
        `${connectionCount(sample)} open`,
        perSecond("conns"),
        `${states.dialing} dialing`,
        `${states["half-closed"]} half-closed`,
        `${sum("totalc")} in all`,
      ], columns),
    },
    {
      text: fitted([
        "bytes",
        `sent ${perSecond("sent")}`,
        `rcvd ${perSecond("rcvd")}`,
        `sent ${sum("sent")} in all`,
        `rcvd ${sum("rcvd")} in all`,
      ], columns),
    },
  ];
}

function titleOf(
  name: TopList,
  { from, to, of, order }: { from: number; to: number; of: number; order: TopOrder },
): string {
  const by = `by ${order.key}${order.reversed ? ", reversed" : ""}`;
  return of === 0 ? name : `${name} ${Math.min(from + 1, to)}-${to} of ${of} ${by}`;
}

/** As many words as there is room for; the first ones matter most. */
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
    `${columns}x${rows} of ${SMALLEST.columns}x${SMALLEST.rows}`,
  ];
  return Array.from(
    { length: Math.max(rows, 0) },
    (_, row) => ({ text: shortened(lines[row] ?? "", Math.max(columns, 1)) }),
  );
}
