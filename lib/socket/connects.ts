/**
 * Connects that only find out whether something listens, for thousands of health checks per second:
 * a connect of Deno takes about twice as much time.
 *
 * Only for Linux, and only in the main isolate.
 */

import { type CLibrary, cLibrary } from "../native/c_library.ts";
import { type Fixed, fixed } from "../native/memory.ts";
import { SOCK_STREAM, SOCKET_FLAGS } from "./constants.ts";

const POLLOUT = 4, POLLERR = 8, POLLHUP = 16;
/** `sizeof(struct pollfd)` */
const POLLFD_BYTES = 8;
/**
 * Pending connects are looked at again after this part of the time that they have taken so far,
 * within these bounds in milliseconds.
 */
const PART = 1 / 8, MIN_MS = 1, MAX_MS = 20;

/** How an attempt has ended. Only a connect of Deno returns the reason of a failure. */
export type ConnectEnd = "opened" | "failed" | "timeout" | "canceled";

/** Limits of an attempt. */
export interface ConnectLimits {
  /** In milliseconds. */
  readonly timeoutMs: number;
  /** Cancels it within {@link MAX_MS}. */
  readonly signal: AbortSignal;
}

/** A connect that has no result yet. */
interface Pending extends ConnectLimits {
  readonly since: number;
  readonly resolve: (end: ConnectEnd) => void;
}

/** By descriptor. */
const pending = new Map<number, Pending>();
let timer: ReturnType<typeof setTimeout> | undefined;
/** Whether the pending connects are looked at in this turn. */
let isLookPlanned = false;
let pollfds = fixed(POLLFD_BYTES * 64);

/**
 * Opens a connection and closes it.
 *
 * @param name See `socketName()`.
 * @returns `undefined` if this is not possible here.
 */
export function opensConnection(
  name: Fixed,
  { timeoutMs, signal }: ConnectLimits,
): Promise<ConnectEnd> | undefined {
  const c = Deno.build.os === "linux" ? cLibrary() : undefined;
  if (c === undefined) return undefined;
  const descriptor = c.socket(name[0]!, SOCK_STREAM | SOCKET_FLAGS, 0);
  if (descriptor < 0) return undefined;
  // Its result is that it has started, or a failure that is found out below.
  c.connect(descriptor, name, name.length);
  const { promise, resolve } = Promise.withResolvers<ConnectEnd>();
  pending.set(descriptor, { since: performance.now(), timeoutMs, signal, resolve });
  // On loopback, and if it cannot start, the result is there already. All that start in this turn
  // are looked at together.
  if (!isLookPlanned) queueMicrotask(() => look(c));
  isLookPlanned = true;
  return promise;
}

function look(c: CLibrary): void {
  isLookPlanned = false;
  clearTimeout(timer);
  const descriptors = [...pending.keys()];
  if (pollfds.length < POLLFD_BYTES * descriptors.length) {
    pollfds = fixed(2 * POLLFD_BYTES * descriptors.length);
  }
  const view = new DataView(pollfds.buffer);
  descriptors.forEach((descriptor, i) => {
    view.setInt32(POLLFD_BYTES * i, descriptor, true);
    view.setInt32(POLLFD_BYTES * i + 4, POLLOUT, true);
  });
  c.poll(pollfds, BigInt(descriptors.length), 0);
  const now = performance.now();
  let next = Infinity;
  descriptors.forEach((descriptor, i) => {
    const { since, timeoutMs, signal, resolve } = pending.get(descriptor)!, ms = now - since;
    const events = view.getInt16(POLLFD_BYTES * i + 6, true);
    const end = events !== 0
      ? (events & (POLLERR | POLLHUP)) === 0 ? "opened" : "failed"
      : signal.aborted
      ? "canceled"
      : ms >= timeoutMs
      ? "timeout"
      : undefined;
    if (end === undefined) {
      next = Math.min(next, Math.max(MIN_MS, ms * PART), timeoutMs - ms);
      return;
    }
    pending.delete(descriptor);
    c.close(descriptor);
    resolve(end);
  });
  if (next < Infinity) timer = setTimeout(() => look(c), Math.min(MAX_MS, next));
}
