import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { TOP_ORDERS } from "../../../../lib/control/top/order.ts";
import { MAX_LISTED, type TopSample } from "../../../../lib/control/top/sample.ts";
import type { Terminal, TerminalEvent } from "../../../../lib/control/terminal/terminal.ts";
import {
  pressed,
  type Sampler,
  type TopEnd,
  type TopState,
  topView,
} from "../../../../lib/control/top/view.ts";
import { t, until } from "../../../helpers/t.ts";
import { BUSY, channel, connection, sampleOf } from "../../../helpers/control/top_samples.ts";

const PURE = { permissions: "none" } as const;

const START: TopState = {
  orders: TOP_ORDERS,
  focus: "connections",
  from: { channels: 0, connections: 0 },
};

const SCREEN = { columns: 80, rows: 24 };

/** The state after these keys, separated by spaces. */
function press(keys: string, sample: TopSample | undefined, state = START): TopState {
  return keys.split(" ").reduce((now, key) => pressed(now, key, { sample, size: SCREEN }), state);
}

t("keys scroll the list that Tab selected, within its bounds", () => {
  const sample = sampleOf({
    channels: Array.from({ length: 30 }, (_, i) => channel(i)),
    states: { header: 0, waiting: 0, dialing: 0, open: 50, "half-closed": 0, closing: 0 },
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
  // Scrolling stops at the maximum number of listed connections.
  const huge = sampleOf({
    states: { header: 0, waiting: 0, dialing: 0, open: 50_000, "half-closed": 0, closing: 0 },
  });
  assertEquals(press("end", huge).from.connections, MAX_LISTED - 15);
}, PURE);

t("a sort key scrolls the lists it sorts back to their top", () => {
  const sample = sampleOf({
    channels: Array.from({ length: 30 }, (_, i) => channel(i)),
    states: { header: 0, waiting: 0, dialing: 0, open: 50, "half-closed": 0, closing: 0 },
  });
  const scrolled = press("down tab down", sample);
  assertEquals(press("a", sample, scrolled).from, { channels: 1, connections: 0 });
  assertEquals(press("c", sample, scrolled).from, { channels: 0, connections: 1 });
  assertEquals(press("s", sample, scrolled).from, { channels: 0, connections: 0 });
  assertEquals(press("d d", sample).orders.connections, { key: "rcvd", reversed: true });
}, PURE);

t("unknown keys, and scrolling before the first sample, change nothing", () => {
  for (const key of ["x", "constructor", "", "enter", "ctrl-x"]) {
    assertEquals(press(key, BUSY), START);
  }
  assertEquals(press("down end", undefined), START);
}, PURE);

/** A terminal in memory: records what is written, and lets the test cause events. */
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

  /** Asserts that the terminal was restored and is no longer listened to. */
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

t(
  "q, Esc, ^C, ^D, a signal and a closed terminal end the view; it restores the terminal",
  async () => {
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
  },
  PURE,
);

t("the view ends when the server is gone, immediately or later", async () => {
  let answers = 2;
  const { terminal, ended } = view(() => Promise.resolve(answers-- > 0 ? BUSY : undefined));
  assertEquals(await ended, "lost");
  terminal.restored();
  assertStringIncludes(terminal.written, "balance 4.0.0");
  const never = view(() => Promise.resolve(undefined));
  assertEquals(await never.ended, "lost");
  never.terminal.restored();
}, PURE);

t("the view restores the terminal when sampling throws", async () => {
  const { terminal, ended } = view(() => Promise.reject(new SyntaxError("no JSON")));
  await assertRejects(() => ended, SyntaxError, "no JSON");
  terminal.restored();
}, PURE);

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
}, PURE);

t("the view asks at once for a new sort order and for the lines scrolled to", async () => {
  const asked: string[] = [];
  const { terminal, ended } = view(({ count, orders: { connections } }) => {
    asked.push(`${count} ${connections.key}${connections.reversed ? " reversed" : ""}`);
    return Promise.resolve(
      sampleOf({
        connections: Array.from({ length: Math.min(count, 90) }, (_, i) => connection(i)),
        states: { header: 0, waiting: 0, dialing: 0, open: 90, "half-closed": 0, closing: 0 },
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
}, PURE);

t(
  "the view follows the terminal size, and redraws everything after ^L or a lost screen",
  async () => {
    const { terminal, ended } = view(busy, 60_000);
    await terminal.shows("MAXC CONN/s");
    terminal.written = "";
    [terminal.columns, terminal.rows] = [30, 5];
    terminal.happen({ type: "resize" });
    await terminal.shows("30x5, minimum 40x8");
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
  },
  PURE,
);
