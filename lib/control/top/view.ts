/** The live view of `top`: keys, sampling and drawing. */

import type { Size, Terminal, TerminalEvent, TerminalSignal } from "../terminal/terminal.ts";
import { type EventQueue, eventQueue } from "../terminal/event_queue.ts";
import { connectionCount, topFrame, topLayout, type TopPlace } from "./frame.ts";
import { compareWith, remember, type TopMemory } from "./memory.ts";
import { sortedBy, type TopKey, type TopList, type TopOrders } from "./order.ts";
import { poll } from "./poll.ts";
import { MAX_LISTED, type TopSample } from "./sample.ts";
import { enterScreen, type Screen } from "./screen.ts";

/** Minimum pause as a multiple of the duration of a sample: the server spends at most 10% on it. */
const REST = 9;

/** Why a live view ended: a key, the server is gone, the terminal is closed, or a signal. */
export type TopEnd = "left" | "lost" | "closed" | TerminalSignal;

/** What the user can change with keys. */
export interface TopState extends TopPlace {
  readonly orders: TopOrders;
}

/** Requests a sample with up to `count` connections; `undefined` if the server is gone. */
export type Sampler = (
  options: { count: number; orders: TopOrders },
) => Promise<TopSample | undefined>;

type ViewEvent =
  | TerminalEvent
  | { readonly type: "sample"; readonly sample: TopSample | undefined }
  | { readonly type: "error"; readonly error: unknown };

/** Options of {@link topView}. */
interface ViewOptions {
  readonly sampler: Sampler;
  /** The initial sort orders. */
  readonly orders: TopOrders;
  /** Milliseconds between two samples; default 1000. */
  readonly periodMs?: number;
}

/**
 * Shows `top` live until it ends, and restores the terminal.
 *
 * @throws Whatever the sampler rejects with.
 */
export async function topView(terminal: Terminal, options: ViewOptions): Promise<TopEnd> {
  const events = eventQueue<ViewEvent>();
  using _listening = terminal.listen(events.push);
  const screen = enterScreen((text) => terminal.write(text));
  try {
    return await runView({ ...options, terminal, events, screen });
  } finally {
    screen.leave();
  }
}

async function runView(
  { terminal, events, screen, sampler, orders, periodMs = 1000 }: ViewOptions & {
    terminal: Terminal;
    events: EventQueue<ViewEvent>;
    screen: Screen;
  },
): Promise<TopEnd> {
  let state: TopState = { orders, focus: "connections", from: { channels: 0, connections: 0 } };
  let sample: TopSample | undefined, before: TopSample | undefined;
  let memory: TopMemory<TopSample> = [];
  const wanted = () =>
    Math.min(state.from.connections + 2 * Math.max(terminal.size().rows, 1), MAX_LISTED);
  using sampling = poll(() => sampler({ count: wanted(), orders: state.orders }), {
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
        if (QUIT_KEYS.includes(event.name)) return "left";
        if (event.name === "ctrl-l") screen.forget();
        const next = pressed(state, event.name, { sample, size: terminal.size() });
        const reordered = next.orders !== state.orders;
        state = next;
        if (reordered || (sample !== undefined && sample.connections.length < visible(sample))) {
          sampling.now();
        }
      }
    }
    if (sample !== undefined) {
      const size = terminal.size();
      screen.draw(topFrame(sample, before, { ...size, orders: state.orders, place: state }), size);
    }
  }

  /** Connections of the sample up to the last visible line. */
  function visible(sample: TopSample): number {
    const { connections } = topLayout(sample, { ...terminal.size(), live: true });
    return Math.min(state.from.connections + connections, connectionCount(sample), MAX_LISTED);
  }
}

const QUIT_KEYS: readonly string[] = ["q", "escape", "ctrl-c", "ctrl-d"];

const SORT_KEYS = new Map<string, TopKey>(
  Object.entries({ n: "number", c: "conns", r: "rate", s: "sent", d: "rcvd", a: "age" }),
);

/**
 * The state after a key; the same state if the key has no meaning.
 *
 * @param options The current sample and the screen, which limit scrolling.
 */
export function pressed(
  state: TopState,
  key: string,
  { sample, size }: { sample: TopSample | undefined; size: Size },
): TopState {
  const { focus, from } = state;
  const sorting = SORT_KEYS.get(key);
  if (sorting !== undefined) {
    const orders = sortedBy(state.orders, sorting);
    const top = (list: TopList) => orders[list] === state.orders[list] ? from[list] : 0;
    return {
      ...state,
      orders,
      from: { channels: top("channels"), connections: top("connections") },
    };
  }
  if (key === "tab") {
    return { ...state, focus: focus === "channels" ? "connections" : "channels" };
  }
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

/** The first line after a key that scrolls, within bounds or not; `undefined` for other keys. */
function scrolled(
  key: string,
  { from, page, last }: { from: number; page: number; last: number },
): number | undefined {
  const targets = {
    up: from - 1,
    down: from + 1,
    pageup: from - page,
    pagedown: from + page,
    space: from + page,
    home: 0,
    end: last,
  };
  return new Map(Object.entries(targets)).get(key);
}
