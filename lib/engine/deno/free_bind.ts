/**
 * `--freebind`: sockets that listen on an address that this host does not have yet (ip(7),
 * `IP_FREEBIND`), which `Deno.listen` cannot make.
 *
 * A listener of Deno is made on loopback instead, and then its descriptor gets another socket: one
 * that the C library has bound. What the runtime waits with (epoll(7)) loses the former socket by
 * that, so the new one is registered as the former one was: /proc/self/fdinfo shows how.
 */

import { parseIp } from "../../address/ip.ts";
import type { Endpoint } from "../../base/endpoint.ts";
import { BACKLOG } from "../../base/limits.ts";
import { type CLibrary, cLibrary } from "../../native/c_library.ts";
import { type Fixed, fixed, readProc, stringAt } from "../../native/memory.ts";
import { bindWithRetry } from "../bind_retry.ts";
import type { BoundSocket, ListenFailure } from "../engine.ts";

// Linux; the same on x86-64 and aarch64.
const AF_INET = 2, AF_INET6 = 10, SOCK_STREAM = 1, O_NONBLOCK = 0o4000, O_CLOEXEC = 0o2000000;
const SOL_IP = 0, IP_FREEBIND = 15, SOL_IPV6 = 41, IPV6_FREEBIND = 78, IPV6_V6ONLY = 26;
const SOL_SOCKET = 1, SO_REUSEADDR = 2, SO_REUSEPORT = 15;
const EPOLL_CTL_ADD = 1;
/** Position of the data in `struct epoll_event`, which is packed only on x86-64. */
const DATA_AT = Deno.build.arch === "x86_64" ? 4 : 8;
/** Descriptors to search: there are few at the start. */
const MAX_SEARCHED = 4096;
const LOOPBACK = [127, 0, 0, 1];

/** `joins`: another program of this user listens there and has allowed that. */
interface Joining {
  readonly joins?: boolean | undefined;
}

/** The functions that only Linux has. */
type Linux =
  & CLibrary
  & { readonly [K in "dup3" | "epoll_ctl" | "__errno_location"]: NonNullable<CLibrary[K]> };

/** Where it cannot work; the end of a message. */
const CANNOT: ListenFailure = {
  failure: "failed",
  reason: "--freebind needs Linux and the C library (from source: --allow-ffi), " +
    "or the sysctl net.ipv4.ip_nonlocal_bind=1",
};

/**
 * Binds an address, whether or not this host has it, and listens.
 *
 * @param options `joins`: see `Engine.listen`.
 */
export function bindFree(at: Endpoint, options: Joining): BoundSocket | ListenFailure {
  const c = linuxLibrary();
  if (c === undefined) return CANNOT;
  const descriptor = listenOn(c, at, options);
  if (typeof descriptor !== "number") return descriptor;
  let isOpen = true;
  return {
    local: at,
    descriptor,
    close() {
      if (isOpen) c.close(descriptor);
      isOpen = false;
    },
  };
}

/**
 * Gives a listener of any isolate another socket, which is bound to an address that this host may not
 * have. Only for the main isolate.
 *
 * @param placeholder The port of the listener, which listens on 127.0.0.1.
 * @param options `descriptor`: a socket that is bound already, and stays the caller's.
 * @returns Why it failed; the listener is as before then.
 */
export function replaceSocket(
  placeholder: number,
  at: Endpoint,
  { descriptor: bound, joins }: Joining & { readonly descriptor?: number | undefined },
): ListenFailure | undefined {
  const c = linuxLibrary();
  if (c === undefined) return CANNOT;
  const target = findListener(c, placeholder);
  const waits = target === undefined ? [] : registrationsOf(c, target);
  if (target === undefined || waits.length === 0) {
    return { failure: "failed", reason: "--freebind cannot find the runtime's socket" };
  }
  const descriptor = bound ?? listenOn(c, at, { joins });
  if (typeof descriptor !== "number") return descriptor;
  c.dup3(descriptor, target, O_CLOEXEC);
  if (bound === undefined) c.close(descriptor);
  // The runtime has several descriptors of the same epoll instance: all but the first fail.
  const added = waits.filter(({ epoll, event }) =>
    c.epoll_ctl(epoll, EPOLL_CTL_ADD, target, event) === 0
  );
  return added.length > 0
    ? undefined
    : { failure: "failed", reason: "--freebind cannot wait for its socket" };
}

function linuxLibrary(): Linux | undefined {
  const c = cLibrary();
  return Deno.build.os === "linux" && c?.dup3 && c.epoll_ctl && c.__errno_location
    ? c as Linux
    : undefined;
}

/** @returns The descriptor. */
function listenOn(c: Linux, at: Endpoint, options: Joining): number | ListenFailure {
  return bindWithRetry(() => attempt(c, at, options));
}

function attempt(
  c: Linux,
  { address, port }: Endpoint,
  { joins }: Joining,
): number | ListenFailure {
  const ip = parseIp(address);
  if (ip === undefined) return { failure: "not local", reason: `${address} is not an address` };
  const isV6 = ip.length === 16, name = fixed(isV6 ? 28 : 16);
  name[0] = isV6 ? AF_INET6 : AF_INET;
  name.set([port >> 8, port & 0xff], 2);
  name.set(ip, isV6 ? 8 : 4);
  const socket = c.socket(name[0], SOCK_STREAM | O_NONBLOCK | O_CLOEXEC, 0);
  if (socket < 0) return failureOf(c);
  const set = (level: number, option: number, value = 1) =>
    c.setsockopt(socket, level, option, new Uint8Array(new Int32Array([value]).buffer), 4);
  set(SOL_SOCKET, SO_REUSEADDR);
  if (joins) set(SOL_SOCKET, SO_REUSEPORT);
  if (isV6) set(SOL_IPV6, IPV6_V6ONLY, 0);
  if (isV6) set(SOL_IPV6, IPV6_FREEBIND);
  else set(SOL_IP, IP_FREEBIND);
  if (c.bind(socket, name, name.length) === 0 && c.listen(socket, BACKLOG) === 0) return socket;
  const failure = failureOf(c);
  c.close(socket);
  return failure;
}

const ERRORS: Readonly<Record<number, ListenFailure["failure"]>> = {
  1: "no permission",
  13: "no permission",
  23: "no descriptor",
  24: "no descriptor",
  98: "in use",
  99: "not local",
};

/** The failure of the last call. */
function failureOf(c: Linux): ListenFailure {
  const errno = new Int32Array(fixed(4).buffer);
  c.memcpy(new Uint8Array(errno.buffer), c.__errno_location(), 4n);
  const number = errno[0]!;
  const reason = new TextDecoder().decode(stringAt(c, c.strerror(number)));
  return { failure: ERRORS[number] ?? "failed", reason };
}

/** The descriptor that listens on a port of loopback. */
function findListener(c: Linux, port: number): number | undefined {
  const name = fixed(28), length = new Uint32Array(fixed(4).buffer);
  const wanted = [AF_INET, 0, port >> 8, port & 0xff, ...LOOPBACK];
  for (let descriptor = 3; descriptor < MAX_SEARCHED; descriptor++) {
    length[0] = name.length;
    if (c.getsockname(descriptor, name, length) !== 0) continue;
    if (wanted.some((byte, i) => byte !== name[i])) continue;
    length[0] = name.length;
    // A connection has a peer.
    if (c.getpeername(descriptor, name, length) !== 0) return descriptor;
  }
  return undefined;
}

/** How a descriptor is registered with epoll instances, each with `struct epoll_event`. */
function registrationsOf(c: Linux, target: number): { epoll: number; event: Fixed }[] {
  const found: { epoll: number; event: Fixed }[] = [];
  for (let epoll = 3; epoll < MAX_SEARCHED; epoll++) {
    const bytes = readProc(c, `fdinfo/${epoll}`);
    if (bytes === undefined) continue;
    const lines = new TextDecoder().decode(bytes)
      .matchAll(/^tfd:\s*(\d+)\s+events:\s*([0-9a-f]+)\s+data:\s*([0-9a-f]+)/gm);
    for (const [, descriptor, events, data] of lines) {
      if (Number(descriptor) !== target) continue;
      const event = fixed(16), view = new DataView(event.buffer);
      view.setUint32(0, Number(BigInt(`0x${events}`) & 0xffffffffn), true);
      view.setBigUint64(DATA_AT, BigInt(`0x${data}`), true);
      found.push({ epoll, event });
    }
  }
  return found;
}
