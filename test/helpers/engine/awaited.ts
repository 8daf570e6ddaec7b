/** The callbacks of an engine as promises. */

import { denoEngine } from "../../../lib/engine/deno/deno_engine.ts";
import type { Endpoint } from "../../../lib/base/endpoint.ts";
import type { DialFailure } from "../../../lib/base/reason.ts";
import type {
  Dial,
  Engine,
  Link,
  Relay,
  RelayEnd,
  RelayObserver,
} from "../../../lib/engine/engine.ts";

/** A dial and its result. */
export interface AwaitedDial extends Dial {
  readonly result: Promise<Link | DialFailure>;
}

/** Starts a dial. */
export function startDial(engine: Engine, to: Endpoint, source?: string): AwaitedDial {
  const { promise, resolve } = Promise.withResolvers<Link | DialFailure>();
  const dial = engine.dial(to, { source }, { dialed: resolve });
  return { result: promise, cancel: (reason) => dial.cancel(reason) };
}

/** Connects to a backend. */
export function dialed(engine: Engine, to: Endpoint, source?: string): Promise<Link | DialFailure> {
  return startDial(engine, to, source).result;
}

/** An engine whose dials end as a function decides, later than the function returns. */
export function dialsWith(
  dial: (
    to: Endpoint,
    cancelled: Promise<string>,
  ) => Link | DialFailure | Promise<Link | DialFailure>,
): Engine {
  return {
    ...denoEngine,
    dial(to, _options, observer) {
      const cancelled = Promise.withResolvers<string>();
      void Promise.resolve(dial(to, cancelled.promise)).then((result) => observer.dialed(result));
      return { cancel: cancelled.resolve };
    },
  };
}

/** A relay, and a promise of its end. */
export interface AwaitedRelay extends Relay {
  readonly done: Promise<RelayEnd>;
}

/** Starts a relay; `done` rejects with what another callback threw. */
export function awaitedRelay(
  start: (observer: RelayObserver) => Relay,
  observer: Partial<RelayObserver> = {},
): AwaitedRelay {
  const { promise, resolve, reject } = Promise.withResolvers<RelayEnd>();
  const relay = start({
    moved() {},
    ...observer,
    finished: (end, bug) => bug === undefined ? resolve(end) : reject(bug),
  });
  return {
    done: promise,
    close: () => relay.close(),
    freed: () => relay.freed(),
    get writingTo() {
      return relay.writingTo;
    },
  };
}
