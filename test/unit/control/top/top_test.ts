/** `top` without a terminal: samples, frames as text, keys, and what is written to a screen. */

import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { VERSION } from "../../../../lib/base/version.ts";
import type { ConnectionInfo } from "../../../../lib/connection/observe.ts";
import { type ControlContext, runLine, type Session } from "../../../../lib/control/command.ts";
import { COMMANDS } from "../../../../lib/control/commands.ts";
import { liveOrders, MAX_LISTED, topCommands } from "../../../../lib/control/top_commands.ts";
import {
  type FrameLine,
  frameText,
  topFrame,
  topLayout,
} from "../../../../lib/control/top/frame.ts";
import { compareWith, remember } from "../../../../lib/control/top/memory.ts";
import {
  readTopKey,
  sortedBy,
  TOP_ORDERS,
  type TopKey,
} from "../../../../lib/control/top/order.ts";
import { poll } from "../../../../lib/control/top/poll.ts";
import { ratedChannels } from "../../../../lib/control/top/rates.ts";
import {
  type ConnectionCounts,
  takeSample,
  type TopChannel,
  type TopConnection,
  type TopSample,
} from "../../../../lib/control/top/sample.ts";
import { enterScreen } from "../../../../lib/control/top/screen.ts";
import { compact, shortened } from "../../../../lib/control/top/table.ts";
import type { Terminal, TerminalEvent } from "../../../../lib/control/top/terminal.ts";
import {
  pressed,
  type Sampler,
  type TopEnd,
  type TopState,
  topView,
} from "../../../../lib/control/top/view.ts";
import { newTable } from "../../../../lib/table/table.ts";
import { controlContext } from "../../../helpers/control_context.ts";
import { t as test, until } from "../../../helpers/t.ts";

/** Registers a test without any permission. */
function t(name: string, fn: () => void | Promise<void>): void {
  test(name, fn, { permissions: "none" });
}

function channel(number: number, values: Partial<TopChannel> = {}): TopChannel {
  return {
    group: 0,
    channel: number,
    type: "rr",
    state: "enabled",
    address: "192.168.1.1",
    port: 8000 + number,
    c: 0,
    totalc: 0,
    maxc: 0,
    sent: 0,
    rcvd: 0,
    ...values,
  };
}

function connection(id: number, values: Partial<TopConnection> = {}): TopConnection {
  return {
    id,
    client: { address: "192.0.2.7", port: 40000 + id },
    group: 0,
    channel: 0,
    state: "open",
    ageMs: 61_000,
    idleMs: 900,
    sent: 0,
    rcvd: 0,
    ...values,
  };
}

function sampleOf(values: Partial<TopSample> = {}): TopSample {
  const connections = values.connections ?? [];
  return {
    version: "4.0.0",
    pid: 4711,
    timeMs: 3_725_000,
    listener: { address: "0.0.0.0", port: 8080 },
    workers: 1,
    channels: [],
    states: { dialing: 0, open: connections.length, "half-closed": 0 },
    connections,
    ...values,
  };
}

/** A busy balance, and the same two seconds before. */
const BUSY = sampleOf({
  channels: [
    channel(0, { c: 12, totalc: 3456, sent: 1_234_567, rcvd: 98_765_432_100 }),
    channel(1, { c: 3, totalc: 1200, maxc: 200, sent: 999_950, rcvd: 12_345 }),
    channel(2, { state: "disabled", address: "2001:db8::5", port: 443 }),
  ],
  states: { dialing: 1, open: 12, "half-closed": 2 },
  connections: [
    connection(4567, { sent: 123_456, rcvd: 9_876_543, sentRate: 1234, rcvdRate: 987_654 }),
    connection(33, { ageMs: 93_784_000, idleMs: 0, sentRate: 10, rcvdRate: 0, channel: 1 }),
    connection(4570, { group: undefined, channel: undefined, state: "dialing", ageMs: 10 }),
    connection(4401, { state: "half-closed", sentRate: 0, rcvdRate: 0 }),
  ],
});
const BEFORE = sampleOf({
  timeMs: BUSY.timeMs - 2000,
  channels: [
    channel(0, { totalc: 3400, sent: 1_230_567, rcvd: 98_665_432_100 }),
    channel(1, { totalc: 1199, sent: 999_900, rcvd: 12_345 }),
    channel(2, { state: "disabled", address: "2001:db8::5", port: 443 }),
  ],
});

function text(frame: readonly FrameLine[]): string {
  return frameText(frame);
}

/** Text of a template without its first newline. */
function plain(text: string): string {
  return text.slice(1);
}

t("a frame of 80x24 has everything, exactly so", () => {
  assertEquals(
    text(topFrame(BUSY, BEFORE, { columns: 80, rows: 24 })),
    plain(`
balance 4.0.0  0.0.0.0:8080  up 1h02m  pid 4711
connections  15 open  29/s  1 dialing  2 half-closed  4.66k in all
bytes  sent 2.02k/s  rcvd 50.0M/s  sent 2.23M in all  rcvd 98.8G in all
channels 1-3 of 3 by number
CHAN S   ADDRESS              C MAXC CONN/s SENT/s RCVD/s TOTALC  SENT  RCVD
0.0  ENA 192.168.1.1:8000    12    -     28  2.00k  50.0M  3.46k 1.23M 98.8G
0.1  ENA 192.168.1.1:8001     3  200    0.5     25      0  1.20k 1.00M 12.3k
0.2  dis [2001:db8::5]:443    0    -      0      0      0      0     0     0
connections 1-4 of 15 by rate
   ID CLIENT          CHAN STATE    AGE   IDLE SENT/s RCVD/s  SENT  RCVD
 4567 192.0.2.7:44567 0.0  open   1m01s     0s  1.23k   988k  123k 9.88M
   33 192.0.2.7:40033 0.1  open   1d02h     0s     10      0     0     0
 4570 192.0.2.7:44570 -    dial      0s     0s      -      -     0     0
 4401 192.0.2.7:44401 0.0  half   1m01s     0s      0      0     0     0
`) + "\n".repeat(10),
  );
});

t("a frame of 40x10 keeps what matters most", () => {
  const place = { focus: "connections", from: { channels: 0, connections: 0 } } as const;
  assertEquals(
    text(topFrame(BUSY, BEFORE, { columns: 40, rows: 10, place })),
    plain(`
balance 4.0.0  0.0.0.0:8080  up 1h02m
connections  15 open  29/s  1 dialing
bytes  sent 2.02k/s  rcvd 50.0M/s
CHAN ADDRESS             C SENT/s RCVD/s
0.0  192.168.1.1:8000   12  2.00k  50.0M
0.1  192.168.1.1:8001    3     25      0
   ID CLIENT          CHAN SENT/s RCVD/s
 4567 192.0.2.7:44567 0.0   1.23k   988k
   33 192.0.2.7:40033 0.1      10      0
q quit  n number  c conns  r rate
`),
  );
});

t("a frame of 200x60 has room for whole addresses of any length", () => {
  const address = "2001:db8:85a3:8d3:1319:8a2e:370:7348";
  const sample = sampleOf({
    channels: [channel(0, { address, port: 65535, group: 1023, channel: 1023 })],
    connections: [connection(1, { client: { address, port: 54321 } })],
  });
  const frame = topFrame(sample, undefined, { columns: 200, rows: 60 });
  assertEquals(frame.length, 60);
  assertStringIncludes(text(frame), `1023.1023 ENA [${address}]:65535`);
  assertStringIncludes(text(frame), ` [${address}]:54321 `);
  // Where there is less room, both ends stay.
  const narrow = text(topFrame(sample, undefined, { columns: 80, rows: 24 }));
  assertMatch(narrow, /^1023\.1023 ENA \[2001:db8[^ ]*~[^ ]*\]:65535 /m);
  assertMatch(narrow, /^ {4}1 \[2001:db8[^ ]*~[^ ]*\]:54321 /m);
});

t("a frame has the lines of its screen and none is too long, whatever the size", () => {
  const many = sampleOf({
    ...BUSY,
    channels: Array.from({ length: 40 }, (_, i) => channel(i, { address: "2001:db8::1:2:3:4" })),
    connections: Array.from({ length: 100 }, (_, i) => connection(i + 1e9)),
  });
  const place = { focus: "channels", from: { channels: 35, connections: 99 } } as const;
  for (const sample of [sampleOf(), BUSY, many]) {
    for (const columns of [1, 2, 20, 39, 40, 41, 60, 79, 80, 100, 132, 200]) {
      for (const rows of [1, 2, 7, 8, 9, 13, 14, 24, 60]) {
        for (const options of [{ columns, rows }, { columns, rows, place }]) {
          const frame = topFrame(sample, BEFORE, options);
          assertEquals(frame.length, rows, `${columns}x${rows}`);
          for (const line of frame) {
            assert(line.text.length <= columns, `${columns}x${rows}: [${line.text}]`);
            assertEquals(line.text, line.text.trimEnd());
          }
        }
      }
    }
  }
});

t("a terminal that is too small is told so", () => {
  assertEquals(
    text(topFrame(BUSY, undefined, { columns: 39, rows: 24 })).trimEnd(),
    "terminal too small\n39x24 of 40x8",
  );
  assertEquals(
    text(topFrame(BUSY, undefined, { columns: 80, rows: 7 })).trimEnd(),
    "terminal too small\n80x7 of 40x8",
  );
  assertEquals(text(topFrame(BUSY, undefined, { columns: 5, rows: 1 })), "te~ll\n");
});

t("a frame without channels and connections says so", () => {
  const frame = text(topFrame(sampleOf(), undefined, { columns: 80, rows: 24 }));
  assertMatch(frame, /^channels\nCHAN .*\nno channels\n/m);
  assertMatch(frame, /^connections\n.* CLIENT .*\nno connections\n/m);
  assertStringIncludes(frame, "connections  0 open  0/s  0 dialing  0 half-closed  0 in all\n");
});

t("a frame without a known listener leaves it out, one of workers counts them", () => {
  const [title] = topFrame(sampleOf({ listener: undefined, workers: 3 }), undefined, {
    columns: 80,
    rows: 24,
  });
  assertEquals(title?.text, "balance 4.0.0  up 1h02m  pid 4711  3 workers");
});

t("channels get what they need, but half of the screen at most if there are connections", () => {
  const of = (channels: number, connections: number, rows = 24) => {
    const sample = sampleOf({
      channels: Array.from({ length: channels }, (_, i) => channel(i)),
      states: { dialing: 0, open: connections, "half-closed": 0 },
    });
    const layout = topLayout(sample, { columns: 80, rows, live: true });
    return [layout.channels, layout.connections];
  };
  assertEquals(of(2, 1000), [2, 14]);
  assertEquals(of(100, 1000), [8, 8]);
  assertEquals(of(100, 3), [13, 3]);
  assertEquals(of(100, 0), [15, 1]);
  assertEquals(of(0, 0), [1, 15]);
  assertEquals(of(100, 1000, 8), [1, 1]);
});

t("a frame shows the part of a list that somebody scrolled to, and what part that is", () => {
  const sample = sampleOf({
    channels: Array.from({ length: 30 }, (_, i) => channel(i)),
    connections: Array.from({ length: 40 }, (_, i) => connection(i + 1)),
    states: { dialing: 0, open: 50_000, "half-closed": 0 },
  });
  const frame = text(topFrame(sample, undefined, {
    columns: 80,
    rows: 24,
    place: { focus: "channels", from: { channels: 10, connections: 5 } },
  }));
  assertMatch(
    frame,
    /^> channels 11-18 of 30 by number\nCHAN.*\n0\.10 ENA(.*\n){8} {2}connections/m,
  );
  assertMatch(frame, /^ {2}connections 6-13 of 50000 by rate\n.*\n {4}6 192\.0\.2\.7:40006 /m);
  // Behind the end is the end.
  const behind = text(topFrame(sample, undefined, {
    columns: 80,
    rows: 24,
    place: { focus: "channels", from: { channels: 99, connections: 99 } },
  }));
  assertStringIncludes(behind, "> channels 23-30 of 30 by number\n");
  assertStringIncludes(behind, "  connections 33-40 of 50000 by rate\n");
});

t("rates are those between two samples", () => {
  const [first, second, third] = ratedChannels(BUSY, BEFORE, TOP_ORDERS.channels);
  assertEquals(first?.rates, { conns: 28, sent: 2000, rcvd: 50_000_000 });
  assertEquals(second?.rates, { conns: 0.5, sent: 25, rcvd: 0 });
  assertEquals(third?.rates, { conns: 0, sent: 0, rcvd: 0 });
  const unknown = ratedChannels(BUSY, undefined, TOP_ORDERS.channels);
  assertEquals(unknown.map(({ rates }) => rates), [undefined, undefined, undefined]);
  assertEquals(ratedChannels(BUSY, BUSY, TOP_ORDERS.channels)[0]?.rates, undefined);
});

t("a counter that was reset, and a new channel in a freed slot, have counted from zero", () => {
  const then = sampleOf({
    timeMs: 1000,
    channels: [channel(0, { totalc: 100, sent: 5000, rcvd: 5000 }), channel(1, { sent: 7 })],
  });
  const now = sampleOf({
    timeMs: 2000,
    // 0 was reset, 1 removed, 2 is new.
    channels: [
      channel(0, { totalc: 2, sent: 10, rcvd: 6000 }),
      channel(2, { totalc: 4, sent: 40, rcvd: 400 }),
    ],
  });
  assertEquals(ratedChannels(now, then, TOP_ORDERS.channels).map(({ rates }) => rates), [
    { conns: 2, sent: 10, rcvd: 1000 },
    { conns: 4, sent: 40, rcvd: 400 },
  ]);
});

t("channels are sorted by each key, both ways", () => {
  const then = sampleOf({
    timeMs: 0,
    channels: [0, 1, 2].map((number) => channel(number, { sent: 1, rcvd: 1 })),
  });
  const now = sampleOf({
    timeMs: 1000,
    channels: [
      channel(0, { c: 5, sent: 10, rcvd: 30 }),
      channel(1, { c: 9, sent: 30, rcvd: 5 }),
      channel(2, { c: 7, sent: 20, rcvd: 21 }),
    ],
  });
  const by = (key: TopKey, reversed = false) =>
    ratedChannels(now, then, { key, reversed }).map((one) => one.channel).join("");
  assertEquals(by("number"), "012");
  assertEquals(by("number", true), "210");
  assertEquals(by("conns"), "120");
  assertEquals(by("conns", true), "021");
  assertEquals(by("sent"), "120");
  assertEquals(by("rcvd"), "021");
  assertEquals(by("rate"), "201");
  assertEquals(by("rate", true), "102");
});

function info(id: number, values: Partial<ConnectionInfo> = {}): ConnectionInfo {
  return {
    id,
    client: { address: "192.0.2.7", port: id },
    listener: { address: "0.0.0.0", port: 8080 },
    state: "open",
    ageMs: 60_000 - id,
    idleMs: 0,
    sent: 0,
    rcvd: 0,
    ...values,
  };
}

function take(
  connections: readonly ConnectionInfo[],
  options: {
    timeMs?: number;
    count?: number;
    key?: TopKey;
    reversed?: boolean;
    memory?: readonly ConnectionCounts[];
  } = {},
) {
  const { timeMs = 0, count = 100, key = "rate", reversed = false, memory } = options;
  const table = newTable({ groups: 2, channels: 2, workers: 1 });
  return takeSample({ version: VERSION, pid: 1, timeMs, table, connections }, {
    count,
    order: { key, reversed },
    memory,
  });
}

const ids = (sample: TopSample) => sample.connections.map(({ id }) => id).join(" ");

t("a sample lists the first connections of its order, without sorting all", () => {
  const all = [
    info(1, { sent: 10, rcvd: 1 }),
    info(2, { sent: 30, rcvd: 2 }),
    info(3, { sent: 20, rcvd: 3, ageMs: 1 }),
    info(4, { sent: 10, rcvd: 900_000 }),
  ];
  const by = (key: TopKey, reversed = false, count = 100) =>
    ids(take(all, { key, reversed, count }).sample);
  assertEquals(by("sent"), "2 3 1 4");
  // Equals are turned around, too.
  assertEquals(by("sent", true), "4 1 3 2");
  assertEquals(by("sent", false, 2), "2 3");
  assertEquals(by("sent", true, 1), "4");
  assertEquals(by("sent", false, 0), "");
  assertEquals(by("rcvd"), "4 3 2 1");
  // The number tells who is older, since workers do not look at their clocks together.
  assertEquals(by("age"), "1 2 3 4");
  assertEquals(by("age", true), "4 3 2 1");
  // Without a rate yet it is the mean of a life.
  assertEquals(by("rate"), "3 4 2 1");
});

t("a sample chooses as sorting all would", () => {
  const all = Array.from({ length: 2000 }, (_, i) => info(i, { sent: (i * 7919) % 1009 }));
  const expected = all.toSorted((a, b) => b.sent - a.sent).slice(0, 150).map(({ id }) => id);
  const { sample } = take(all, { key: "sent", count: 150 });
  assertEquals(ids(sample), expected.join(" "));
});

t("a sample counts all connections by their state, also those that it does not list", () => {
  const all = [
    info(1, { state: "dialing" }),
    info(2, { state: "half-closed" }),
    info(3),
    info(4),
  ];
  const { sample } = take(all, { count: 1 });
  assertEquals(sample.states, { dialing: 1, open: 2, "half-closed": 1 });
  assertEquals(sample.connections.length, 1);
});

t("a sample leaves freed slots out", () => {
  const table = newTable({ groups: 2, channels: 2, workers: 1 });
  const address = new Uint8Array([10, 0, 0, 1]);
  table.add(0, { address, port: 80 });
  table.add(0, { address, port: 81 });
  table.addSent(0, 0, 1000);
  table.setEnabled(0, 0, false);
  table.remove(0, 0);
  const { sample } = takeSample(
    { version: VERSION, pid: 1, timeMs: 0, table, connections: [] },
    { count: 1, order: TOP_ORDERS.connections },
  );
  assertEquals(sample.channels, [channel(1, { address: "10.0.0.1", port: 81 })]);
});

t("connections have rates since the last sample that is long enough ago", () => {
  const start = take([info(1, { sent: 100 }), info(5, { rcvd: 50 })], { timeMs: 10_000 });
  assertEquals(start.sample.connections.map(({ sentRate }) => sentRate), [undefined, undefined]);
  const later = [
    info(1, { sent: 300 }),
    info(6, { sent: 80, ageMs: 200 }),
    // As if it had been overlooked: nobody knows what it was like before.
    info(7, { sent: 1e9, ageMs: 1e6 }),
    // Accepted while another worker was asked.
    info(8, { sent: 100, ageMs: 2500 }),
  ];
  const rates = (taken: ReturnType<typeof take>) =>
    Object.fromEntries(
      taken.sample.connections.map(({ id, sentRate, rcvdRate }) => [id, [sentRate, rcvdRate]]),
    );
  const second = take(later, { timeMs: 12_000, memory: start.memory });
  assertEquals(rates(second), { 1: [100, 0], 6: [40, 0], 7: [undefined, undefined], 8: [40, 0] });
  // Asked again too soon, it is compared with what was before.
  const soon = take([info(1, { sent: 340 })], { timeMs: 12_400, memory: second.memory });
  assertEquals(rates(soon), { 1: [100, 0] });
  assertEquals(soon.memory, second.memory);
  const third = take([info(1, { sent: 400 })], { timeMs: 13_000, memory: soon.memory });
  assertEquals(rates(third), { 1: [100, 0] });
});

t("memory keeps two moments and does not take one that has just been", () => {
  const at = (timeMs: number) => ({ timeMs });
  let memory = remember([], at(0));
  assertEquals(compareWith(memory, 100), undefined);
  memory = remember(memory, at(100));
  assertEquals(memory, [at(0)]);
  memory = remember(remember(memory, at(1000)), at(2000));
  assertEquals(memory, [at(2000), at(1000)]);
  assertEquals(compareWith(memory, 2100), at(1000));
  assertEquals(compareWith(memory, 2500), at(2000));
});

t("numbers take five characters at most", () => {
  const cases: readonly [number, string][] = [
    [0, "0"],
    [0.04, "0.0"],
    [0.5, "0.5"],
    [5, "5"],
    [9.94, "9.9"],
    [9.96, "10"],
    [33.4, "33"],
    [999, "999"],
    [999.4, "999"],
    [999.6, "1.00k"],
    [1000, "1.00k"],
    [1234, "1.23k"],
    [9994, "9.99k"],
    [9996, "10.0k"],
    [99_949, "99.9k"],
    [99_951, "100k"],
    [999_499, "999k"],
    [999_500, "1.00M"],
    [1_234_567_890, "1.23G"],
    [2 ** 53, "9.01P"],
    [9.99e20, "999E"],
  ];
  for (const [value, expected] of cases) assertEquals(compact(value), expected, String(value));
  for (let value = 0.3; value < 1e20; value *= 1.37) {
    assert(compact(value).length <= 5, `${value}: ${compact(value)}`);
  }
});

t("a text that is too long loses its middle", () => {
  assertEquals(shortened("192.168.1.1:8080", 16), "192.168.1.1:8080");
  assertEquals(shortened("192.168.1.1:8080", 11), "192.1~:8080");
  assertEquals(shortened("192.168.1.1:8080", 2), "1~");
  assertEquals(shortened("192.168.1.1:8080", 1), "~");
});

t("keys of top may be abbreviated; sorting by the same one again turns it around", () => {
  assertEquals(["n", "conns", "r", "rc", "se", "age"].map(readTopKey), [
    "number",
    "conns",
    "rate",
    "rcvd",
    "sent",
    "age",
  ]);
  assertEquals(["", "x", "rates", "--json"].map(readTopKey), Array(4).fill(undefined));
  const rate = sortedBy(TOP_ORDERS, "rate");
  assertEquals(rate.channels, { key: "rate", reversed: false });
  assertEquals(rate.connections, { key: "rate", reversed: false });
  assertEquals(sortedBy(rate, "rate").connections, { key: "rate", reversed: true });
  assertEquals(sortedBy(sortedBy(rate, "rate"), "rate"), rate);
  // What a list does not have leaves it as it is.
  assertEquals(sortedBy(TOP_ORDERS, "conns").connections, TOP_ORDERS.connections);
  assertEquals(sortedBy(TOP_ORDERS, "age").channels, TOP_ORDERS.channels);
  assertEquals(liveOrders(["age", "a"])?.connections, { key: "age", reversed: true });
  assertEquals(liveOrders(["--json"]), undefined);
  assertEquals(liveOrders(["x"]), undefined);
});

const START: TopState = {
  orders: TOP_ORDERS,
  focus: "connections",
  from: { channels: 0, connections: 0 },
};
const SCREEN = { columns: 80, rows: 24 };

/** Presses keys one after another. */
function press(keys: string, sample: TopSample | undefined, state = START): TopState {
  return keys.split(" ").reduce((now, key) => pressed(now, key, { sample, size: SCREEN }), state);
}

t("keys scroll the list that tab chose, within its bounds", () => {
  const sample = sampleOf({
    channels: Array.from({ length: 30 }, (_, i) => channel(i)),
    states: { dialing: 0, open: 50, "half-closed": 0 },
  });
  // Each list has 8 lines.
  assertEquals(press("down down", sample).from, { channels: 0, connections: 2 });
  assertEquals(press("down up up", sample).from.connections, 0);
  assertEquals(press("pagedown space", sample).from.connections, 16);
  assertEquals(press("pagedown pagedown pageup", sample).from.connections, 8);
  assertEquals(press("end", sample).from.connections, 42);
  assertEquals(press("end down", sample).from.connections, 42);
  assertEquals(press("end home", sample).from.connections, 0);
  assertEquals(press("tab end", sample).from, { channels: 22, connections: 0 });
  assertEquals(press("tab tab down", sample).from, { channels: 0, connections: 1 });
  // More than are ever listed cannot be scrolled through.
  const huge = sampleOf({ states: { dialing: 0, open: 50_000, "half-closed": 0 } });
  assertEquals(press("end", huge).from.connections, MAX_LISTED - 15);
});

t("a key that sorts goes back to the top of the lists that it sorts", () => {
  const sample = sampleOf({
    channels: Array.from({ length: 30 }, (_, i) => channel(i)),
    states: { dialing: 0, open: 50, "half-closed": 0 },
  });
  const scrolled = press("down tab down", sample);
  assertEquals(press("a", sample, scrolled).from, { channels: 1, connections: 0 });
  assertEquals(press("c", sample, scrolled).from, { channels: 0, connections: 1 });
  assertEquals(press("s", sample, scrolled).from, { channels: 0, connections: 0 });
  assertEquals(press("d d", sample).orders.connections, { key: "rcvd", reversed: true });
});

t("other keys, and scrolling before there is anything, change nothing", () => {
  for (const key of ["x", "constructor", "", "enter", "ctrl-x"]) {
    assertEquals(press(key, BUSY), START);
  }
  assertEquals(press("down end", undefined), START);
});

t("a screen writes only the lines that have changed, and gives the terminal back once", () => {
  let written: string[] = [];
  const drawn = () => {
    const all = JSON.stringify(written.join("|"));
    written = [];
    return all.replaceAll("\\u001b[", "^").slice(1, -1);
  };
  const screen = enterScreen((text) => written.push(text));
  assertEquals(drawn(), "^?1049h^?25l^?7l^2J");
  const size = { columns: 6, rows: 3 };
  screen.draw([{ text: "one", style: "heading" }, { text: "two" }, { text: "" }], size);
  assertEquals(drawn(), "^2J^1;1H^2K^7mone   ^0m^2;1H^2Ktwo^3;1H^2K");
  screen.draw([{ text: "one", style: "heading" }, { text: "2", style: "dim" }, { text: "" }], size);
  assertEquals(drawn(), "^2;1H^2K^2m2^0m");
  screen.draw([{ text: "one", style: "heading" }, { text: "2", style: "dim" }, { text: "" }], size);
  assertEquals(drawn(), "");
  // Lower: lines that are no more are wiped; other width: all anew.
  screen.draw([{ text: "one", style: "heading" }], { columns: 6, rows: 1 });
  assertEquals(drawn(), "^2;1H^2K^3;1H^2K");
  screen.draw([{ text: "one", style: "bold" }], { columns: 7, rows: 1 });
  assertEquals(drawn(), "^2J^1;1H^2K^1mone^0m");
  screen.forget();
  screen.draw([{ text: "one" }], { columns: 7, rows: 1 });
  assertEquals(drawn(), "^?1049h^?25l^?7l^2J|^2J^1;1H^2Kone");
  screen.leave();
  screen.leave();
  assertEquals(drawn(), "^0m^2J^H^?7h^?25h^?1049l");
});

/** A terminal of nothing: what is written to it, and what happens to it. */
class FakeTerminal implements Terminal {
  written = "";
  columns = 80;
  rows = 24;
  listening = false;
  #onEvent: (event: TerminalEvent) => void = () => {};

  size() {
    return { columns: this.columns, rows: this.rows };
  }

  write(text: string): void {
    this.written += text;
  }

  listen(onEvent: (event: TerminalEvent) => void): Disposable {
    this.listening = true;
    this.#onEvent = onEvent;
    return { [Symbol.dispose]: () => void (this.listening = false) };
  }

  happen(event: TerminalEvent): void {
    this.#onEvent(event);
  }

  press(name: string): void {
    this.happen({ type: "key", name });
  }

  async shows(text: string): Promise<void> {
    await until(() => this.written.includes(text), {
      what: () => `${text} in ${JSON.stringify(this.written)}`,
    });
  }

  /** Asserts that it was left as it was found. */
  restored(): void {
    assertEquals(this.listening, false);
    assert(this.written.endsWith("\x1b[?7h\x1b[?25h\x1b[?1049l"), JSON.stringify(this.written));
  }
}

function view(
  sampler: Sampler,
  periodMs = 10,
): { terminal: FakeTerminal; ended: Promise<TopEnd> } {
  const terminal = new FakeTerminal();
  return { terminal, ended: topView(terminal, { sampler, orders: TOP_ORDERS, periodMs }) };
}

const busy: Sampler = () => Promise.resolve(BUSY);

t("the view is left by q, Esc, ^C and ^D, and by whatever else ends it; it cleans up", async () => {
  for (const key of ["q", "escape", "ctrl-c", "ctrl-d"]) {
    const { terminal, ended } = view(busy);
    await terminal.shows("balance 4.0.0");
    terminal.press(key);
    assertEquals(await ended, "left");
    terminal.restored();
  }
  const events: [TerminalEvent, TopEnd][] = [
    [{ type: "end" }, "closed"],
    [{ type: "signal", signal: "SIGTERM" }, "SIGTERM"],
    [{ type: "signal", signal: "SIGHUP" }, "SIGHUP"],
  ];
  for (const [event, end] of events) {
    const { terminal, ended } = view(busy);
    await terminal.shows("balance 4.0.0");
    terminal.happen(event);
    assertEquals(await ended, end);
    terminal.restored();
  }
});

t("the view ends when the server is gone, at once or later", async () => {
  let left = 2;
  const { terminal, ended } = view(() => Promise.resolve(left-- > 0 ? BUSY : undefined));
  assertEquals(await ended, "lost");
  terminal.restored();
  assertStringIncludes(terminal.written, "balance 4.0.0");
  const never = view(() => Promise.resolve(undefined));
  assertEquals(await never.ended, "lost");
  never.terminal.restored();
});

t("the view cleans up when something throws", async () => {
  const { terminal, ended } = view(() => Promise.reject(new SyntaxError("no JSON")));
  await assertRejects(() => ended, SyntaxError, "no JSON");
  terminal.restored();
});

t("the view can be left while the server does not answer", async () => {
  const answer = Promise.withResolvers<TopSample | undefined>();
  const { terminal, ended } = view(() => answer.promise);
  terminal.press("q");
  assertEquals(await ended, "left");
  terminal.restored();
  const { written } = terminal;
  answer.resolve(BUSY);
  await answer.promise;
  assertEquals(terminal.written, written);
});

t("the view asks at once for another order, and for what is scrolled to", async () => {
  const asked: string[] = [];
  const { terminal, ended } = view(({ count, orders: { connections } }) => {
    asked.push(`${count} ${connections.key}${connections.reversed ? " reversed" : ""}`);
    return Promise.resolve(
      sampleOf({
        connections: Array.from({ length: Math.min(count, 90) }, (_, i) => connection(i)),
        states: { dialing: 0, open: 90, "half-closed": 0 },
      }),
    );
  }, 60_000);
  await terminal.shows("by rate");
  terminal.press("a");
  await terminal.shows("by age");
  terminal.press("a");
  await terminal.shows("by age, reversed");
  for (let i = 0; i < 4; i++) terminal.press("pagedown");
  await terminal.shows("connections 61-75 of 90");
  terminal.press("q");
  assertEquals(await ended, "left");
  assertEquals(asked.slice(0, 3), ["48 rate", "48 age", "48 age reversed"]);
  assert(asked.slice(3).every((one) => one.endsWith(" age reversed")), asked.join());
  assert(asked.length > 3 && Number(asked.at(-1)?.split(" ")[0]) >= 75, asked.join());
});

t("the view follows the size of the terminal, and draws all of it anew if it must", async () => {
  const { terminal, ended } = view(busy, 60_000);
  await terminal.shows("MAXC CONN/s");
  terminal.written = "";
  [terminal.columns, terminal.rows] = [30, 5];
  terminal.happen({ type: "resize" });
  await terminal.shows("30x5 of 40x8");
  [terminal.columns, terminal.rows] = [100, 30];
  terminal.happen({ type: "resize" });
  await terminal.shows("MAXC CONN/s");
  for (const event of [{ type: "lost" }, { type: "key", name: "ctrl-l" }] as const) {
    terminal.written = "";
    terminal.happen(event);
    await terminal.shows("MAXC CONN/s");
    assertStringIncludes(terminal.written, "\x1b[?1049h");
  }
  terminal.press("q");
  assertEquals(await ended, "left");
});

t("poll looks one after another, at once when asked to, and no more when disposed", async () => {
  let running = 0, most = 0, looks = 0;
  const results: number[] = [];
  {
    using looking = poll(async () => {
      most = Math.max(most, ++running);
      await Promise.resolve();
      running--;
      return ++looks;
    }, { periodMs: 60_000, rest: 0, onResult: (n) => results.push(n), onError: () => {} });
    looking.now();
    looking.now();
    await until(() => results.length === 2);
    looking.now();
    await until(() => results.length === 3);
    looking.now();
  }
  await Promise.resolve();
  await Promise.resolve();
  assertEquals([most, results], [1, [1, 2, 3]]);
});

/** A table of two channels with connections, as commands see it. */
function context(connections: readonly ConnectionInfo[] = []): ControlContext {
  const table = newTable({ groups: 2, channels: 2, workers: 1 });
  const address = new Uint8Array([127, 0, 0, 1]);
  for (const port of [8000, 8001]) table.add(0, { address, port });
  return {
    ...controlContext(table, () => Promise.reject(new Error("no names here"))),
    connections: {
      connections: () => Promise.resolve([...connections]),
      close: () => Promise.resolve(0),
    },
    listener: { address: "::", port: 8080 },
  };
}

t("top answers one frame of 80x24, with rates", async () => {
  const at = { context: context([info(1, { sent: 5, ageMs: 10 })]), session: { group: 0 } };
  const running = runLine([...topCommands(600)], "top sent", at);
  // Between the two looks.
  await Promise.resolve();
  at.context.table.addSent(0, 1, 6000);
  const { text, failed } = await running;
  assertEquals(failed, undefined);
  const lines = text.split("\n");
  assertEquals(lines.pop(), "");
  assertEquals(lines.length, 24);
  assert(lines.every((line) => line.length <= 80), text);
  assertMatch(lines[0]!, new RegExp(`^balance ${VERSION}  \\[::\\]:8080  up .*  pid \\d+$`));
  assertEquals(lines[3], "channels 1-2 of 2 by sent");
  assertMatch(lines[5]!, /^0\.1 {2}ENA 127\.0\.0\.1:8001 +0 +- +0 +(\d\.\d\d|10\.\d)k /);
  assertMatch(text, /^ {4}1 192\.0\.2\.7:1 +- +open +0s +0s +\d +0 +5 +0$/m);
});

t("top refuses a key that it does not know", async () => {
  for (const line of ["top x", "top 5", "top --json 12345", "top rate speed", "top 5 --json"]) {
    const reply = await runLine(COMMANDS, line, { context: context(), session: { group: 0 } });
    assertEquals(reply, {
      text: `invalid key [${/\S+$/.exec(line.replace(" --json", ""))![0]}]\n`,
      failed: true,
    }, line);
  }
});

t(
  "top --json answers a sample, and remembers for the session what the next is compared with",
  async () => {
    const at = context(Array.from({ length: 60 }, (_, i) => info(i + 1, { sent: i })));
    const ask = async (line: string, session: Session) => {
      const reply = await runLine(COMMANDS, line, { context: at, session });
      assertEquals(reply.failed, undefined);
      const sample: TopSample = JSON.parse(reply.text);
      return { sample, session: reply.session ?? session };
    };
    const first = await ask("top sent --json 3", { group: 1 });
    assertEquals(ids(first.sample), "60 59 58");
    assertEquals(first.sample.states.open, 60);
    assertEquals(first.sample.channels.length, 2);
    assertEquals(first.sample.listener, { address: "::", port: 8080 });
    assertEquals(first.session.group, 1);
    assertEquals(first.session.top?.[0]?.ids.length, 60);
    assertEquals((await ask("top --json", first.session)).sample.connections.length, 24);
    assertEquals(ids((await ask("top age age --json 2", first.session)).sample), "60 59");
    assertEquals((await ask("t s --json 9999", first.session)).sample.connections.length, 60);
  },
);

t("a line means the live view only if it asks for nothing else", () => {
  assertEquals(liveOrders([]), TOP_ORDERS);
  assertEquals(liveOrders(["conns"])?.channels.key, "conns");
});
