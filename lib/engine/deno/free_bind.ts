/**
 * Sockets that `Deno.listen` cannot make: those that listen on an address that this host does not have
 * yet (`--freebind`; ip(7), `IP_FREEBIND`), and those that several isolates share beside a socket of
 * another program (`--takeover`).
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
import { ADDRESS_BYTES, socketName } from "../../socket/addresses.ts";
import {
  IP_FREEBIND,
  IPPROTO_IP,
  IPPROTO_IPV6,
  IPV6_FREEBIND,
  IPV6_V6ONLY,
  SO_REUSEADDR,
  SO_REUSEPORT,
  SOCK_STREAM,
  SOCKET_FLAGS,
  SOL_SOCKET,
} from "../../socket/constants.ts";
import { bindWithRetry } from "../bind_retry.ts";
import type { BoundSocket, ListenFailure } from "../engine.ts";

/** epoll_ctl(2) */
const EPOLL_CTL_ADD = 1;
/** dup3(2) */
const O_CLOEXEC = 0o2000000;
/** errno(3): the descriptor is registered already. */
const EEXIST = 17;
/** Position of the data in `struct epoll_event`, which is packed only on x86-64. */
const DATA_AT = Deno.build.arch === "x86_64" ? 4 : 8;
/** Descriptors to search: there are few at the start. */
const MAX_SEARCHED = 4096;
const LOOPBACK = Uint8Array.of(127, 0, 0, 1);

/** How a socket is bound. */
interface Binding {
  /** Another program of this user listens there and has allowed that. */
  readonly joins?: boolean | undefined;
  /** This host need not have the address. */
  readonly free?: boolean | undefined;
}

/** The functions that only Linux has. */
type Linux =
  & CLibrary
  & { readonly [K in "dup3" | "epoll_ctl" | "__errno_location"]: NonNullable<CLibrary[K]> };

/** Where it cannot work; the end of a message. */
const CANNOT: ListenFailure = {
  failure: "failed",
  reason: "that needs Linux and the C library (from source: --allow-ffi); " +
    "--freebind: or the sysctl net.ipv4.ip_nonlocal_bind=1",
};

/** Binds an address and listens. Listeners of any isolate can get the socket. */
export function bindShared(at: Endpoint, options: Binding): BoundSocket | ListenFailure {
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

/** What {@link replaceSocket} replaces a socket with. */
interface Replacement extends Binding {
  /** A socket that is bound already, and stays the caller's. @default a new one */
  readonly descriptor?: number | undefined;
  /** Other functions than those of the C library, for tests. */
  readonly library?: CLibrary | undefined;
}

/**
 * Gives a listener of any isolate another socket. Only for the main isolate.
 *
 * @param placeholder The port of the listener, which listens on 127.0.0.1.
 * @returns Why it failed; the listener must be closed then.
 */
export function replaceSocket(
  placeholder: number,
  at: Endpoint,
  { descriptor: bound, library, ...binding }: Replacement,
): ListenFailure | undefined {
  const c = linuxLibrary(library);
  if (c === undefined) return CANNOT;
  const target = findListener(c, placeholder);
  const waits = target === undefined ? [] : registrationsOf(c, target);
  if (target === undefined || waits.length === 0) {
    return { failure: "failed", reason: "cannot find the socket of the runtime" };
  }
  const descriptor = bound ?? listenOn(c, at, binding);
  if (typeof descriptor !== "number") return descriptor;
  const failure = c.dup3(descriptor, target, O_CLOEXEC) === target ? undefined : failureOf(c);
  if (bound === undefined) c.close(descriptor);
  return failure ?? register(c, target, waits);
}

/** Makes the runtime wait for a descriptor again. */
function register(
  c: Linux,
  target: number,
  waits: readonly Registration[],
): ListenFailure | undefined {
  let added = 0;
  for (const { epoll, event } of waits) {
    const error = c.epoll_ctl(epoll, EPOLL_CTL_ADD, target, event) === 0 ? 0 : errorOf(c);
    if (error === 0) added++;
    // The runtime has several descriptors of the same epoll instance: all but the first fail.
    else if (error !== EEXIST) return failureOf(c, error);
  }
  return added > 0
    ? undefined
    : { failure: "failed", reason: "the runtime cannot wait for the socket" };
}

function linuxLibrary(c = cLibrary()): Linux | undefined {
  return Deno.build.os === "linux" && c?.dup3 && c.epoll_ctl && c.__errno_location
    ? c as Linux
    : undefined;
}

/** @returns The descriptor. */
function listenOn(c: Linux, at: Endpoint, options: Binding): number | ListenFailure {
  return bindWithRetry(() => attempt(c, at, options));
}

function attempt(
  c: Linux,
  { address, port }: Endpoint,
  { joins, free }: Binding,
): number | ListenFailure {
  const ip = parseIp(address);
  if (ip === undefined) return { failure: "not local", reason: `${address} is not an address` };
  const isV6 = ip.length === 16, name = socketName(ip, port);
  const socket = c.socket(name[0]!, SOCK_STREAM | SOCKET_FLAGS, 0);
  if (socket < 0) return failureOf(c);
  const set = (level: number, option: number, value = 1) =>
    c.setsockopt(socket, level, option, new Uint8Array(new Int32Array([value]).buffer), 4) === 0;
  const isListening = set(SOL_SOCKET, SO_REUSEADDR) &&
    (!joins || set(SOL_SOCKET, SO_REUSEPORT)) &&
    (!isV6 || set(IPPROTO_IPV6, IPV6_V6ONLY, 0)) &&
    (!free || (isV6 ? set(IPPROTO_IPV6, IPV6_FREEBIND) : set(IPPROTO_IP, IP_FREEBIND))) &&
    c.bind(socket, name, name.length) === 0 && c.listen(socket, BACKLOG) === 0;
  if (isListening) return socket;
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

/** The error of the last call, as in errno(3). */
function errorOf(c: Linux): number {
  const errno = new Int32Array(fixed(4).buffer);
  c.memcpy(new Uint8Array(errno.buffer), c.__errno_location(), 4n);
  return errno[0]!;
}

/** The failure of the last call. */
function failureOf(c: Linux, number = errorOf(c)): ListenFailure {
  const reason = new TextDecoder().decode(stringAt(c, c.strerror(number)));
  return { failure: ERRORS[number] ?? "failed", reason };
}

/** The descriptor that listens on a port of loopback. */
function findListener(c: Linux, port: number): number | undefined {
  const name = fixed(ADDRESS_BYTES), length = new Uint32Array(fixed(4).buffer);
  // The rest of the address is not compared.
  const wanted = socketName(LOOPBACK, port).subarray(0, 8);
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

/** How a descriptor is registered with an epoll instance. */
interface Registration {
  readonly epoll: number;
  /** `struct epoll_event` */
  readonly event: Fixed;
}

/** The registrations of a descriptor with all epoll instances. */
function registrationsOf(c: Linux, target: number): Registration[] {
  const found: Registration[] = [];
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
