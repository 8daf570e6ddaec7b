import type { Reason } from "../../base/reason.ts";
import type { ChannelState } from "../../table/states.ts";
import type { Table } from "../../table/table.ts";

/** Milliseconds between two looks at the channels that drain. */
const LOOK_MS = 100;

/** How a drain ended. */
export type DrainEnd =
  /** No connection is left; `closed` were closed at the deadline. */
  | { readonly type: "drained"; readonly closed: number }
  /** The channel is no longer draining; `state`: what it is instead. */
  | { readonly type: "canceled"; readonly state: ChannelState | "reassigned" };

/** A channel that drains. */
export interface Drain {
  readonly group: number;
  readonly channel: number;
  /** Open connections, as of the last look. */
  readonly left: number;
  /** Set at its end. */
  readonly end: DrainEnd | undefined;
  /** Resolves at its end. */
  readonly ended: Promise<void>;
}

/** The channels that drain. Their deadlines hold whether or not a client waits for them. */
export interface Drains extends Disposable {
  /**
   * Makes a channel drain. If it drains already, only its deadline changes.
   *
   * @param ms Milliseconds after which its connections are closed; without it there is no deadline.
   */
  start(group: number, channel: number, ms?: number): Drain;
  /** Notices at once that the state or the address of channels has changed. */
  look(): void;
}

/** What the drains know about one. */
interface Draining {
  /** Of the channel; see `Table`. */
  readonly id: number;
  /** Its number when the drain was started. */
  readonly group: number;
  readonly channel: number;
  readonly generation: number;
  readonly settled: PromiseWithResolvers<void>;
  /** As `performance.now()`. */
  deadline: number;
  left: number;
  closing: boolean;
  end: DrainEnd | undefined;
}

/** What closes connections at a deadline. */
interface Closer {
  close(selection: { group: number; channel: number; reason: Reason }): Promise<number>;
}

/** Keeps the drains of a table. Disposing ends their deadlines, not the state of the channels. */
export function openDrains(table: Table, connections: Closer): Drains {
  const open = new Set<Draining>();
  let timer: ReturnType<typeof setInterval> | undefined;

  function finish(drain: Draining, end: DrainEnd): void {
    drain.end ??= end;
    open.delete(drain);
    drain.settled.resolve();
    if (open.size === 0) stop();
  }

  function stop(): void {
    clearInterval(timer);
    timer = undefined;
  }

  function look(): void {
    for (const drain of open) lookAt(drain);
  }

  function lookAt(drain: Draining): void {
    const place = table.find(drain.id, drain);
    if (place === undefined) return finish(drain, { type: "canceled", state: "free" });
    const { group, channel } = place;
    const state = table.state(group, channel);
    if (state !== "draining") return finish(drain, { type: "canceled", state });
    if (table.generation(group, channel) !== drain.generation) {
      return finish(drain, { type: "canceled", state: "reassigned" });
    }
    drain.left = table.c(group, channel);
    if (drain.closing) return;
    if (drain.left === 0) return finish(drain, { type: "drained", closed: 0 });
    if (performance.now() < drain.deadline) return;
    drain.closing = true;
    connections.close({ group, channel, reason: "drained" }).catch(() => 0)
      .then((closed) => finish(drain, { type: "drained", closed }));
  }

  return {
    start(group, channel, ms = Infinity) {
      // What was enabled in the meantime is another drain.
      look();
      // Locked, so that a worker that chose the channel before has counted its connection.
      table.locked(() => table.setState(group, channel, "draining"));
      const id = table.id(group, channel);
      let drain = [...open].find((one) => one.id === id);
      if (drain === undefined) {
        const generation = table.generation(group, channel);
        const settled = Promise.withResolvers<void>();
        const fresh = { left: 0, closing: false, deadline: Infinity, end: undefined };
        drain = { id, group, channel, generation, settled, ...fresh };
        open.add(drain);
      }
      drain.deadline = performance.now() + ms;
      if (timer === undefined) {
        timer = setInterval(look, LOOK_MS);
        Deno.unrefTimer(timer);
      }
      lookAt(drain);
      return shown(drain);
    },
    look,
    [Symbol.dispose]() {
      stop();
      open.clear();
    },
  };
}

function shown(drain: Draining): Drain {
  const { group, channel, settled } = drain;
  return {
    group,
    channel,
    get left() {
      return drain.left;
    },
    get end() {
      return drain.end;
    },
    ended: settled.promise,
  };
}
