/**
 * Connects that only find out whether something listens, for thousands of health checks per second:
 * a connect of Deno takes about twice as much time.
 *
 * Only for Linux, and only in the main isolate.
 */

import type { Ip } from "../address/ip.ts";
import { type CLibrary, cLibrary } from "./c_library.ts";
import { type Fixed, fixed } from "./memory.ts";

const AF_INET = 2, AF_INET6 = 10;
/** `SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC` */
const STREAM = 1 | 0o4000 | 0o2000000;
const POLLOUT = 4, POLLERR = 8, POLLHUP = 16;
/** `sizeof(struct pollfd)` */
const POLLFD_BYTES = 8;
/**
 * Pending connects are looked at again after this part of the time that they have taken so far,
 * within these bounds in milliseconds.
 */
const PART = 1 / 8, MIN_MS = 1, MAX_MS = 20;

/** An address as the C library takes it. */
export interface SocketAddress {
  readonly family: number;
  /** `struct sockaddr_in` or `sockaddr_in6` */
  readonly name: Fixed;
}

/** A connect that has no result yet. */
interface Pending {
  readonly since: number;
  readonly settle: (opened: boolean) => void;
}

/** By descriptor. */
const pending = new Map<number, Pending>();
let timer: ReturnType<typeof setTimeout> | undefined;
let pollfds = fixed(POLLFD_BYTES * 64);

/** @param port 1 to 65535. */
export function socketAddress(
  { address, port }: { readonly address: Ip; readonly port: number },
): SocketAddress {
  const isIpv4 = address.length === 4, name = fixed(isIpv4 ? 16 : 28);
  const family = isIpv4 ? AF_INET : AF_INET6, view = new DataView(name.buffer);
  view.setUint16(0, family, true);
  view.setUint16(2, port);
  name.set(address, isIpv4 ? 4 : 8);
  return { family, name };
}

/**
 * Opens a connection and closes it.
 *
 * @param signal Ends the attempt.
 * @returns Whether it was opened. If not, only {@link Deno.connect} tells why. `undefined` if this
 * is not possible here.
 * @throws The reason of `signal`.
 */
export function opensConnection(
  { family, name }: SocketAddress,
  signal: AbortSignal,
): Promise<boolean> | undefined {
  const c = Deno.build.os === "linux" ? cLibrary() : undefined;
  if (c === undefined) return undefined;
  const descriptor = c.socket(family, STREAM, 0);
  if (descriptor < 0) return undefined;
  // Its result is that it has started, or a failure that is found out below.
  c.connect(descriptor, name, name.length);
  const { promise, resolve, reject } = Promise.withResolvers<boolean>();
  const stop = () => {
    end(c, descriptor);
    reject(signal.reason);
  };
  pending.set(descriptor, {
    since: performance.now(),
    settle(opened) {
      signal.removeEventListener("abort", stop);
      end(c, descriptor);
      resolve(opened);
    },
  });
  signal.addEventListener("abort", stop);
  if (signal.aborted) stop();
  // On loopback, and if it cannot start, the result is there already. All that start in this turn
  // are looked at together.
  if (pending.size === 1) queueMicrotask(() => look(c));
  else if (timer !== undefined) lookAfter(c, MIN_MS);
  return promise;
}

function end(c: CLibrary, descriptor: number): void {
  pending.delete(descriptor);
  c.close(descriptor);
  if (pending.size > 0) return;
  clearTimeout(timer);
  timer = undefined;
}

function look(c: CLibrary): void {
  timer = undefined;
  const descriptors = [...pending.keys()], now = performance.now();
  if (descriptors.length === 0) return;
  if (pollfds.length < POLLFD_BYTES * descriptors.length) {
    pollfds = fixed(2 * POLLFD_BYTES * descriptors.length);
  }
  const view = new DataView(pollfds.buffer);
  descriptors.forEach((descriptor, i) => {
    view.setInt32(POLLFD_BYTES * i, descriptor, true);
    view.setInt16(POLLFD_BYTES * i + 4, POLLOUT, true);
    view.setInt16(POLLFD_BYTES * i + 6, 0, true);
  });
  c.poll(pollfds, BigInt(descriptors.length), 0);
  let youngest = Infinity;
  descriptors.forEach((descriptor, i) => {
    const events = view.getInt16(POLLFD_BYTES * i + 6, true);
    const one = pending.get(descriptor)!;
    if (events === 0) youngest = Math.min(youngest, now - one.since);
    else one.settle((events & (POLLERR | POLLHUP)) === 0);
  });
  if (youngest < Infinity) lookAfter(c, Math.min(MAX_MS, Math.max(MIN_MS, youngest * PART)));
}

function lookAfter(c: CLibrary, ms: number): void {
  clearTimeout(timer);
  timer = setTimeout(() => look(c), ms);
}
