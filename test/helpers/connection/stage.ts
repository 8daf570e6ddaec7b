/** A connection whose engine, clock and wait line are in the hands of the test. */

import type { Ending } from "../../../lib/base/side.ts";
import { Clock, type Ticking } from "../../../lib/timing/clock.ts";
import { Connection } from "../../../lib/connection/connection.ts";
import type { ConnectionContext } from "../../../lib/connection/context.ts";
import type { Tap } from "../../../lib/connection/observe.ts";
import type {
  AcceptedLink,
  DialObserver,
  Engine,
  Relay,
  RelayEnd,
  RelayObserver,
} from "../../../lib/engine/engine.ts";
import { newTable } from "../../../lib/table/table.ts";
import { newLine } from "../../../lib/wait_line/line_memory.ts";
import { WaitLine } from "../../../lib/wait_line/wait_line.ts";
import { CONNECTION_OPTIONS, connectionContext } from "./connection_context.ts";

/** A clock that the test advances. */
class ManualClock extends Clock {
  readonly watched = new Set<Ticking>();
  #now = 0;

  override get now(): number {
    return this.#now;
  }

  override watch(ticking: Ticking): void {
    this.watched.add(ticking);
  }

  override unwatch(ticking: Ticking): void {
    this.watched.delete(ticking);
  }

  /** Advances the clock by one tick. */
  advance(ms: number): void {
    this.#now += ms;
    for (const ticking of this.watched) ticking.tick(this.now);
  }
}

/** A link that counts how often it is closed. */
export function countingLink(): AcceptedLink & { closed: number } {
  return {
    remote: { address: "10.0.0.1", port: 1 },
    local: { address: "10.0.0.2", port: 2 },
    closed: 0,
    close() {
      this.closed++;
    },
  };
}

/** A dial that the test ends. */
export interface StagedDial {
  readonly observer: DialObserver;
  cancelled: string | undefined;
}

/** A relay that the test ends. Closing it ends it, too. */
export interface StagedRelay {
  readonly observer: RelayObserver;
  /** Ends it, once. */
  finish(end: RelayEnd, bug?: unknown): void;
}

/** What is special about a staged connection. */
export interface StageOptions {
  /** Whether both channels are full at first; see `Stage.release`. */
  readonly full?: boolean;
  /** Whether clients wait in line. */
  readonly waits?: boolean;
  /** Whether its sockets cannot be closed until `Stage.free` is called. */
  readonly stuck?: boolean;
  /** More of the context. */
  readonly context?: Partial<ConnectionContext>;
  readonly engine?: Partial<Engine>;
  readonly tap?: Tap;
}

/** A connection to one of two channels, before its start, and all that happens around it. */
export function stage(options: StageOptions = {}) {
  const table = newTable({ groups: 1, channels: 2, workers: 1 }), clock = new ManualClock();
  for (const port of [80, 81]) {
    table.add(0, { address: Uint8Array.of(127, 0, 0, 1), port, maxc: 1 });
  }
  const held = options.full ? [table.enter(0, 0), table.enter(0, 1)] : [];
  const line = new WaitLine({ table, handle: newLine(10), hashFailover: false, wake() {} });
  const client = countingLink(), freed = Promise.withResolvers<void>();
  const turns: (() => void)[] = [], gone: ((how: Ending, bytes: number) => void)[] = [];
  const dials: StagedDial[] = [], relays: StagedRelay[] = [];
  const ends: string[] = [], owned: { closing: number; bugs: unknown[] } = { closing: 0, bugs: [] };
  const engine: Engine = {
    listen: () => ({ failure: "failed", reason: "" }),
    dial(_to, _options, observer) {
      const dial: StagedDial = { observer, cancelled: undefined };
      dials.push(dial);
      return { cancel: (reason) => dial.cancelled ??= reason };
    },
    nextTurn: () => new Promise((resolve) => turns.push(resolve)),
    readHeader() {},
    readAhead: (_client, observer) => void gone.push(observer.gone),
    relay(_client, _backend, observer): Relay {
      let isFinished = false;
      const finish = (end: RelayEnd, bug?: unknown) => {
        if (!isFinished) {
          isFinished = true;
          observer.finished(end, bug);
        }
      };
      relays.push({ observer, finish });
      return {
        close: () => finish({ side: "client", how: "closed" }),
        writingTo: [],
        freed: () => options.stuck ? freed.promise : undefined,
      };
    },
    ...options.engine,
  };
  const { monitor, ...context } = options.context ?? {};
  const connection = new Connection(
    client,
    connectionContext(table, {
      clock,
      engine,
      options: { ...CONNECTION_OPTIONS, connectTimeoutMs: 10_000, idleTimeoutMs: 60_000 },
      waiting: options.waits ? { line, waitMs: 60_000 } : undefined,
      tap: () => options.tap && (() => options.tap),
      ...context,
      monitor: {
        ...monitor,
        ended(end) {
          ends.push(end.reason);
          monitor?.ended?.(end);
        },
      },
    }),
  );
  return {
    table,
    clock,
    line,
    client,
    connection,
    dials,
    relays,
    ends,
    owned,
    gone,
    start: () =>
      connection.start({
        closing: () => owned.closing++,
        ended: (_, bug) => owned.bugs.push(bug),
      }),
    /** Frees the channels that were full. */
    release: () => held.splice(0).forEach((account) => table.leave(account)),
    /** Ends the current turn of the event loop, for each caller that waits for it. */
    async turn() {
      for (let i = 0; i < 4; i++) {
        turns.splice(0).forEach((resolve) => resolve());
        await Promise.resolve();
        await Promise.resolve();
      }
    },
    /** Closes stuck sockets. */
    async free() {
      freed.resolve();
      for (let i = 0; i < 4; i++) await Promise.resolve();
    },
    /** What the connection still holds: claims, a clock entry, a wait place, open links. */
    get holds() {
      return {
        claims: table.c(0, 0) + table.c(0, 1) - held.length,
        clock: clock.watched.size,
        places: line.length,
        client: client.closed === 0,
      };
    },
  };
}

/** What a connection holds after its end. */
export const NOTHING = { claims: 0, clock: 0, places: 0, client: false };
