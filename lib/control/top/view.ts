/** The live view of `top`: what keys do, and when it looks again. */

import type { Endpoint } from "../../base/endpoint.ts";
import { ControlClient } from "../client.ts";
import { MAX_LISTED } from "../top_commands.ts";
import { connectionCount, type Size, topFrame, topLayout, type TopPlace } from "./frame.ts";
import { compareWith, remember, type TopMemory } from "./memory.ts";
import { sortedBy, type TopKey, type TopList, type TopOrders } from "./order.ts";
import { poll } from "./poll.ts";
import type { TopSample } from "./sample.ts";
import { enterScreen, type Screen } from "./screen.ts";
import type { EndSignal, Terminal, TerminalEvent } from "./terminal.ts";

/** Milliseconds between two looks. */
const PERIOD_MS = 1000;
/** The server is left alone so many times as long as it took to answer, should that be more. */
const REST = 9;

/** How a live view ended: by a key, the server gone, the terminal gone, or by a signal. */
export type TopEnd = "left" | "lost" | "closed" | EndSignal;

/** What somebody looks at. */
export interface TopState extends TopPlace {
  readonly orders: TopOrders;
}

/** Asks for a sample with so many connections; `undefined` if the server is gone. */
export type Sampler = (
  options: { count: number; orders: TopOrders },
) => Promise<TopSample | undefined>;

/**
 * Shows `top` live, on a control session of its own: it can be left while the server is slow, and
 * takes what the server remembers for it along.
 *
 * @param terminal Where; it is as it was afterwards, whatever happens.
 * @param options Where the balance listens, the `pid` that it had, and how lists are sorted.
 * @throws {ExitError} If there is no balance any more, or too many want to control it.
 */
export async function runTop(
  terminal: Terminal,
  options: { at: Endpoint; pid: number; orders: TopOrders },
): Promise<TopEnd> {
  using client = await ControlClient.connect(options.at);
  if (client.hello.pid !== options.pid) return "lost";
  return await topView(terminal, { sampler: samplerOf(client), orders: options.orders });
}

function samplerOf(client: ControlClient): Sampler {
  return async ({ count, orders: { connections: { key, reversed } } }) => {
    // A key that is given twice sorts the other way around.
    const answer = await client.ask(`top ${key} ${reversed ? key : ""} --json ${count}`);
    return answer && JSON.parse(answer.text);
  };
}

type ViewEvent =
  | TerminalEvent
  | { readonly type: "sample"; readonly sample: TopSample | undefined }
  | { readonly type: "error"; readonly error: unknown };

/**
 * The view itself; see {@link runTop}.
 *
 * @param terminal Where.
 * @param options Who is asked, how often in milliseconds (default 1000), and the orders at first.
 */
export async function topView(
  terminal: Terminal,
  options: { sampler: Sampler; orders: TopOrders; periodMs?: number },
): Promise<TopEnd> {
  const events = queue<ViewEvent>();
  using _listening = terminal.listen(events.push);
  const screen = enterScreen((text) => terminal.write(text));
  try {
    return await look({ ...options, terminal, events, screen });
  } finally {
    screen.leave();
  }
}

async function look(
  { terminal, events, screen, sampler, orders, periodMs = PERIOD_MS }: {
    terminal: Terminal;
    events: Queue<ViewEvent>;
    screen: Screen;
    sampler: Sampler;
    orders: TopOrders;
    periodMs?: number;
  },
): Promise<TopEnd> {
  let state: TopState = { orders, focus: "connections", from: { channels: 0, connections: 0 } };
  let sample: TopSample | undefined, before: TopSample | undefined;
  let memory: TopMemory<TopSample> = [];
  const wanted = () =>
    Math.min(state.from.connections + 2 * Math.max(terminal.size().rows, 1), MAX_LISTED);
  using asking = poll(() => sampler({ count: wanted(), orders: state.orders }), {
    periodMs,
    rest: REST,
    onResult: (sample) => events.push({ type: "sample", sample }),
    onError: (error) => events.push({ type: "error", error }),
  });
  for (;;) {
    const event = await events.next();
    switch (event.type) {
      case "sample":
        if (event.sample === undefined) return "lost";
        sample = event.sample;
        before = compareWith(memory, sample.timeMs);
        memory = remember(memory, sample);
        break;
      case "error":
        throw event.error;
      case "end":
        return "closed";
      case "signal":
        return event.signal;
      case "lost":
        screen.forget();
        break;
      case "key": {
        if (LEAVING.includes(event.name)) return "left";
        if (event.name === "ctrl-l") screen.forget();
        const next = pressed(state, event.name, { sample, size: terminal.size() });
        const reordered = next.orders !== state.orders;
        state = next;
        if (reordered || (sample !== undefined && sample.connections.length < lacking(sample))) {
          asking.now();
        }
      }
    }
    if (sample !== undefined) {
      const size = terminal.size();
      screen.draw(topFrame(sample, before, { ...size, orders: state.orders, place: state }), size);
    }
  }

  /** How many connections the view would show if they were listed. */
  function lacking(sample: TopSample): number {
    const { connections } = topLayout(sample, { ...terminal.size(), live: true });
    return Math.min(state.from.connections + connections, connectionCount(sample), MAX_LISTED);
  }
}

const LEAVING: readonly string[] = ["q", "escape", "ctrl-c", "ctrl-d"];

const SORTING: Readonly<Record<string, TopKey>> = {
  n: "number",
  c: "conns",
  r: "rate",
  s: "sent",
  d: "rcvd",
  a: "age",
};

/**
 * What a key changes.
 *
 * @param state What somebody looks at.
 * @param key Name of the key.
 * @param options What is shown now, and the screen; they bound scrolling.
 * @returns The same state for a key without a meaning.
 */
export function pressed(
  state: TopState,
  key: string,
  options: { sample: TopSample | undefined; size: Size },
): TopState {
  const sorting = Object.hasOwn(SORTING, key) ? SORTING[key] : undefined;
  if (sorting !== undefined) {
    const orders = sortedBy(state.orders, sorting);
    const from = (list: TopList) => orders[list] === state.orders[list] ? state.from[list] : 0;
    return {
      ...state,
      orders,
      from: { channels: from("channels"), connections: from("connections") },
    };
  }
  const { focus, from } = state;
  if (key === "tab") {
    return { ...state, focus: focus === "channels" ? "connections" : "channels" };
  }
  const { sample, size } = options;
  if (sample === undefined) return state;
  const page = topLayout(sample, { ...size, live: true })[focus];
  const length = focus === "channels"
    ? sample.channels.length
    : Math.min(connectionCount(sample), MAX_LISTED);
  const last = Math.max(0, length - page);
  const wanted = scrolled(key, { from: from[focus], page, last });
  if (wanted === undefined) return state;
  return { ...state, from: { ...from, [focus]: Math.max(0, Math.min(wanted, last)) } };
}

function scrolled(
  key: string,
  { from, page, last }: { from: number; page: number; last: number },
): number | undefined {
  switch (key) {
    case "up":
      return from - 1;
    case "down":
      return from + 1;
    case "pageup":
      return from - page;
    case "pagedown":
    case "space":
      return from + page;
    case "home":
      return 0;
    case "end":
      return last;
    default:
      return undefined;
  }
}

interface Queue<T> {
  readonly push: (value: T) => void;
  readonly next: () => Promise<T>;
}

function queue<T>(): Queue<T> {
  const values: T[] = [];
  let wake = () => {};
  return {
    push(value) {
      values.push(value);
      wake();
    },
    async next() {
      while (values.length === 0) await new Promise<void>((resolve) => wake = resolve);
      return values.shift()!;
    },
  };
}
