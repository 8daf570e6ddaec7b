/**
 * The epoll engine in the isolate of a test, with system calls that the test may replace.
 *
 * @module
 */
import type { Engine, Link, Listener } from "../../../lib/engine/engine.ts";
import { EpollEngine } from "../../../lib/engine/epoll/epoll_engine.ts";
import { type LibC, openLibC } from "../../../lib/engine/epoll/system/libc.ts";
import { assert } from "@std/assert";
import { within } from "../t.ts";
import { dialed } from "./awaited.ts";

// Opened here, because tests must close what they open.
const library = Deno.build.os === "linux" ? openLibC() : undefined;

/** Why these tests cannot run here; `undefined` if they can. */
export const noEpoll = library === undefined ? "there is no C library of Linux" : undefined;

/** The C library, with some of its functions replaced. */
export function libC(replaced: Partial<LibC> = {}): LibC {
  assert(library !== undefined, noEpoll);
  return { ...library, ...replaced };
}

/** Replaces a function of the C library by one that fails with an error of errno(3) while wanted. */
export function failing(
  name: "accept4" | "splice" | "epoll_ctl" | "epoll_wait" | "connect",
  errno: number,
  isWanted: () => boolean = () => true,
): Partial<LibC> {
  const c = libC();
  let pending = 0;
  return {
    [name](...args: unknown[]) {
      pending = isWanted() ? errno : 0;
      return pending === 0 ? Reflect.apply(c[name], undefined, args) : -1;
    },
    /** It reads errno. */
    memcpy(...args: Parameters<typeof c.memcpy>) {
      const result = c.memcpy(...args), [to, , size] = args;
      if (pending !== 0 && size === 4n) {
        new DataView((to as Uint8Array<ArrayBuffer>).buffer).setInt32(0, pending, true);
        pending = 0;
      }
      return result;
    },
  };
}

/** An engine, whose sockets are closed at the end of its scope. */
export interface TestedEngine extends AsyncDisposable {
  readonly engine: Required<Pick<Engine, "abandon">> & Engine;
  /** What it reports as bugs. */
  readonly bugs: unknown[];
  /** How many descriptors it has open. */
  open(): number;
}

/**
 * Starts an engine.
 *
 * @param options `calls`: see {@link libC}; `isShared`: see `EngineOptions`.
 */
export function epollEngine(
  options: { calls?: Partial<LibC>; isShared?: boolean; maxPipes?: number } = {},
): TestedEngine {
  const { calls, isShared = true, maxPipes } = options;
  const bugs: unknown[] = [], sockets = new Uint8Array(65536);
  const bug = (error: unknown) => void bugs.push(error);
  const engine = new EpollEngine(libC(calls), { sockets, isShared, maxPipes, bug });
  return {
    engine,
    bugs,
    open: () => sockets.reduce((sum, each) => sum + each, 0),
    [Symbol.asyncDispose]() {
      engine.abandon();
      return engine.ended;
    },
  };
}

/** Accepts a connection and connects it to a backend. */
export async function linkedBy(
  engine: Engine,
  listener: Listener,
  backendPort: number,
): Promise<[client: Link, backend: Link]> {
  const client = await within(listener.accept(), { timeoutMs: 5000, what: "a connection" });
  assert(!("failure" in client), JSON.stringify(client));
  const backend = await dialed(engine, { address: "127.0.0.1", port: backendPort });
  assert(typeof backend !== "string", `dial gives ${backend}`);
  return [client, backend];
}

/** Listens on a free port of 127.0.0.1. */
export function listenWith(engine: Engine): Listener {
  const listener = engine.listen({ address: "127.0.0.1", port: 0 });
  assert(!("failure" in listener), JSON.stringify(listener));
  return listener;
}
