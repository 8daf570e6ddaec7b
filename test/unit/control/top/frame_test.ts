import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import {
  type FrameLine,
  frameText,
  topFrame,
  topLayout,
} from "../../../../lib/control/top/frame.ts";
import { t } from "../../../helpers/t.ts";
import {
  BEFORE,
  BUSY,
  channel,
  connection,
  sampleOf,
} from "../../../helpers/control/top_samples.ts";

const PURE = { permissions: "none" } as const;

function text(frame: readonly FrameLine[]): string {
  return frameText(frame);
}

/** Text of a template without its first newline. */
function plain(text: string): string {
  return text.slice(1);
}

t("an 80x24 frame shows every section, byte for byte", () => {
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
}, PURE);

t("a frame shows peers whose PROXY header is awaited", () => {
  const unchosen = { group: undefined, channel: undefined };
  const sample = sampleOf({
    states: { header: 3, waiting: 0, dialing: 0, open: 2, "half-closed": 0, closing: 0 },
    connections: [connection(9, { ...unchosen, state: "header", ageMs: 2000 })],
  });
  const frame = topFrame(sample, undefined, { columns: 80, rows: 24 });
  assertMatch(frame[1]!.text, /^connections {2}5 open {2}3 awaiting header {2}/);
  assertMatch(text(frame), /^ {4}9 192\.0\.2\.7:40009 - {4}head {6}2s /m);
}, PURE);

t("a frame shows channels that are down or draining, and clients that wait", () => {
  const sample = sampleOf({
    channels: [
      channel(0, { health: "down" }),
      channel(1, { health: "up", state: "draining", c: 2 }),
      channel(2, { health: "down", state: "disabled" }),
      channel(3, { health: "up" }),
    ],
    states: { header: 0, waiting: 7, dialing: 0, open: 2, "half-closed": 0, closing: 0 },
    connections: [
      connection(8, { channel: 1 }),
      connection(9, { group: undefined, channel: undefined, state: "waiting", ageMs: 2000 }),
    ],
  });
  const frame = topFrame(sample, undefined, { columns: 80, rows: 24 });
  const lines = frame.map((line) => line.text);
  assertEquals(lines[0], "balance 4.0.0  0.0.0.0:8080  up 1h02m  1 channel down  pid 4711");
  assertMatch(lines[1]!, /^connections {2}9 open {2}7 waiting {2}/);
  const channels = frame.slice(5, 9);
  assertEquals(channels.map((line) => line.text.slice(0, 8)), [
    "0.0  DWN",
    "0.1  drn",
    "0.2  dis",
    "0.3  ENA",
  ]);
  assertEquals(channels.map(({ style }) => style), ["bold", "dim", "dim", undefined]);
  assertMatch(text(frame), /^ {4}9 192\.0\.2\.7:40009 - {4}wait {6}2s /m);
  assertMatch(text(frame), /^connections 1-2 of 9 by rate$/m);
}, PURE);

t("a 40x10 frame keeps the most important columns and lines", () => {
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
}, PURE);

t("a 200x60 frame shows addresses of any length in full", () => {
  const address = "2001:db8:85a3:8d3:1319:8a2e:370:7348";
  const sample = sampleOf({
    channels: [channel(0, { address, port: 65535, group: 1023, channel: 1023 })],
    connections: [connection(1, { client: { address, port: 54321 } })],
  });
  const frame = topFrame(sample, undefined, { columns: 200, rows: 60 });
  assertEquals(frame.length, 60);
  assertStringIncludes(text(frame), `1023.1023 ENA [${address}]:65535`);
  assertStringIncludes(text(frame), ` [${address}]:54321 `);
  // Where there is less room, the middle of an address is cut.
  const narrow = text(topFrame(sample, undefined, { columns: 80, rows: 24 }));
  assertMatch(narrow, /^1023\.1023 ENA \[2001:db8[^ ]*~[^ ]*\]:65535 /m);
  assertMatch(narrow, /^ {4}1 \[2001:db8[^ ]*~[^ ]*\]:54321 /m);
}, PURE);

t("a frame has as many lines as the screen and none is too long, for every size", () => {
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
}, PURE);

t("a terminal that is too small gets a message with its size and the minimum", () => {
  assertEquals(
    text(topFrame(BUSY, undefined, { columns: 39, rows: 24 })).trimEnd(),
    "terminal too small\n39x24, minimum 40x8",
  );
  assertEquals(
    text(topFrame(BUSY, undefined, { columns: 80, rows: 7 })).trimEnd(),
    "terminal too small\n80x7, minimum 40x8",
  );
  assertEquals(text(topFrame(BUSY, undefined, { columns: 5, rows: 1 })), "te~ll\n");
}, PURE);

t("a frame without channels and connections shows empty lists", () => {
  const frame = text(topFrame(sampleOf(), undefined, { columns: 80, rows: 24 }));
  assertMatch(frame, /^channels\nCHAN .*\nno channels\n/m);
  assertMatch(frame, /^connections\n.* CLIENT .*\nno connections\n/m);
  assertStringIncludes(frame, "connections  0 open  0/s  0 dialing  0 half-closed  0 in all\n");
}, PURE);

t("the title omits an unknown listener and shows the number of workers", () => {
  const [title] = topFrame(sampleOf({ listener: undefined, workers: 3 }), undefined, {
    columns: 80,
    rows: 24,
  });
  assertEquals(title?.text, "balance 4.0.0  up 1h02m  pid 4711  3 workers");
}, PURE);

t(
  "channels get the lines they need, but at most half of the screen if there are connections",
  () => {
    const of = (channels: number, connections: number, rows = 24) => {
      const sample = sampleOf({
        channels: Array.from({ length: channels }, (_, i) => channel(i)),
        states: {
          header: 0,
          waiting: 0,
          dialing: 0,
          open: connections,
          "half-closed": 0,
          closing: 0,
        },
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
  },
  PURE,
);

t("a frame shows the part of a list that the user scrolled to, and its range", () => {
  const sample = sampleOf({
    channels: Array.from({ length: 30 }, (_, i) => channel(i)),
    connections: Array.from({ length: 40 }, (_, i) => connection(i + 1)),
    states: { header: 0, waiting: 0, dialing: 0, open: 50_000, "half-closed": 0, closing: 0 },
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
  // Scrolling past the end shows the end.
  const pastEnd = text(topFrame(sample, undefined, {
    columns: 80,
    rows: 24,
    place: { focus: "channels", from: { channels: 99, connections: 99 } },
  }));
  assertStringIncludes(pastEnd, "> channels 23-30 of 30 by number\n");
  assertStringIncludes(pastEnd, "  connections 33-40 of 50000 by rate\n");
}, PURE);
