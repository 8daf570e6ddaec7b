import type { Endpoint } from "../base/endpoint.ts";
import { EXIT, ExitError, withName } from "../base/errors.ts";
import { denoBinder, denoEngine } from "./deno/deno_engine.ts";
import { replaceSocket } from "./deno/free_bind.ts";
import type { Binder, Engine, ListenFailure } from "./engine.ts";
import { openBinder } from "./epoll/binder.ts";
import { EpollEngine } from "./epoll/epoll_engine.ts";
import { openLibC } from "./epoll/system/libc.ts";
import type { EngineName } from "./names.ts";
import type { IsolateLoads } from "./isolate_loads.ts";

/** What the epoll engine is given in the isolate that serves; the streams engine needs none of it. */
export interface EngineOptions {
  /** An eventfd(2) that is written after each message to this isolate. It stays the writer's. */
  readonly wakeup?: number | undefined;
  /** Receives the messages that have arrived; called when the eventfd was written. */
  readonly receive?: (() => void) | undefined;
  /** Shared memory for another isolate: byte N is 1 while descriptor N is open in this isolate. */
  readonly sockets?: Uint8Array | undefined;
  /** The other isolates that accept on the same socket. */
  readonly loads?: IsolateLoads | undefined;
  /** Maximum number of pipes for splice(2), two descriptors each. */
  readonly maxPipes?: number | undefined;
  /** The isolate has other work, too, so it is never blocked (tests). */
  readonly isShared?: boolean | undefined;
  /** Receives what a callback has thrown that belongs to no relay: a bug in balance. */
  readonly bug?: ((error: unknown) => void) | undefined;
}

/**
 * Binds addresses for an engine.
 *
 * @throws {ExitError} If the engine cannot run here.
 */
export function binderOf(name: EngineName): Binder {
  if (name === "streams") return denoBinder;
  const binder = openBinder();
  if (typeof binder === "string") throw cannotRun(binder);
  return binder;
}

/**
 * Puts the socket of another isolate's listener in its place; see {@link Listener.placeholder}. Only
 * for the main isolate.
 *
 * @param options `descriptor`: a socket that is bound already; without it, one is bound.
 */
export const claimListener: (
  placeholder: number,
  at: Endpoint,
  options: { readonly descriptor?: number | undefined },
) => ListenFailure | undefined = replaceSocket;

/**
 * Opens an engine in the isolate that serves.
 *
 * @throws {ExitError} If it cannot run here.
 */
export function openEngine(name: EngineName, options: EngineOptions = {}): Engine {
  if (name === "streams") return denoEngine;
  const c = openLibC();
  if (c === undefined) throw cannotRun("needs the C library, and the permission to call it");
  return new EpollEngine(c, { ...options, bug: options.bug ?? reportError });
}

function cannotRun(reason: string): ExitError {
  return new ExitError(withName(`the epoll engine ${reason}`), EXIT.osErr);
}
