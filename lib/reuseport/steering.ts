/**
 * Steers new connections to some of the sockets that listen at an address with `SO_REUSEPORT`:
 * socket(7), `SO_ATTACH_REUSEPORT_CBPF`.
 *
 * The system numbers the sockets in the order in which they began to listen. When one closes, the
 * last one takes its number. A program that names a number that does not exist has no effect: then
 * the system chooses by a hash of the addresses.
 */

import { delay } from "@std/async/delay";
import type { Endpoint } from "../base/endpoint.ts";
import { type CLibrary, cLibrary } from "../native/c_library.ts";
import { always } from "./classic_bpf.ts";
import { fixed } from "../native/memory.ts";
import {
  AF_INET,
  AF_INET6,
  IP_FREEBIND,
  IP_MINTTL,
  IPPROTO_IP,
  IPPROTO_IPV6,
  IPV6_FREEBIND,
  IPV6_MINHOPCOUNT,
  IPV6_V6ONLY,
  SO_ATTACH_REUSEPORT_CBPF,
  SO_DETACH_REUSEPORT_BPF,
  SO_REUSEADDR,
  SO_REUSEPORT,
  SOCK_STREAM,
  SOCKET_FLAGS,
  SOL_SOCKET,
} from "../socket/constants.ts";
import { countListening } from "./count_listening.ts";
import {
  allowSharing,
  integerOption,
  listeningDescriptors,
  nameOf,
  one,
  queueLength,
} from "./listening.ts";

/** Packets start with a lower time to live, by default 64, and at most with this one. */
const MAX_TTL = 255;

/** Milliseconds that sockets may take to be closed, and between two checks. */
const CLOSED_MS = 5000, LOOK_MS = 5;

/** The sockets at an address. */
export interface Steering {
  /** Lets later programs of this user listen there, too; see `allowSharing()`. */
  allowSharing(): void;
  /** How many sockets of this process listen there now. */
  own(): number;
  /** How many of all processes; `undefined` if that is unknown. */
  all(): number | undefined;
  /** Waits until there are `count` sockets, 5 seconds at most. */
  untilAll(count: number): Promise<void>;
  /**
   * Steers new connections to the socket with this number.
   *
   * @returns Whether that worked.
   */
  steer(socket: number): boolean;
  /** Ends the steering: the system chooses by a hash. */
  release(): void;
  /** How many connections wait to be accepted on the own sockets. */
  queued(): number;
}

/** The sockets at an address; `undefined` without the C library, and except on Linux. */
export function steeringAt(at: Endpoint): Steering | undefined {
  const c = cLibrary();
  if (c === undefined || Deno.build.os !== "linux") return undefined;
  let known: number[] = [];
  /** Searched again only if one of those found before no longer listens. */
  function descriptors(): number[] {
    if (known.length === 0 || known.some((one) => queueLength(c!, one) === undefined)) {
      known = listeningDescriptors(c!, at);
    }
    return known;
  }
  return {
    allowSharing: () => allowSharing(c, at),
    own() {
      known = listeningDescriptors(c, at);
      return known.length;
    },
    all: () => countListening(c, at),
    async untilAll(count) {
      const end = performance.now() + CLOSED_MS;
      while (countListening(c, at) !== count && performance.now() < end) await delay(LOOK_MS);
    },
    steer(socket) {
      const [descriptor] = descriptors();
      if (descriptor === undefined) return false;
      return attach(c, descriptor, socket) ||
        makeGroup(c, descriptor, () => attach(c, descriptor, socket));
    },
    release() {
      const [descriptor] = descriptors();
      if (descriptor === undefined) return;
      c.setsockopt(descriptor, SOL_SOCKET, SO_DETACH_REUSEPORT_BPF, one(), 4);
    },
    queued: () => descriptors().reduce((all, one) => all + (queueLength(c, one) ?? 0), 0),
  };
}

function attach(c: CLibrary, descriptor: number, socket: number): boolean {
  const { bytes, size } = always(c, socket);
  return c.setsockopt(descriptor, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, bytes, size) === 0;
}

/**
 * Makes the system number the sockets at an address. It does so only when another one begins to
 * listen at the address of one for which `SO_REUSEPORT` was set after bind(2). That other one is
 * closed again. Until then, it drops the packets of clients, which send them again: it requires the
 * highest time to live. (Newer kernels refuse a filter on a TCP socket to users other than root.)
 *
 * @param descriptor Listens at the address.
 * @param attach Attaches the program; called before it is closed.
 */
function makeGroup(c: CLibrary, descriptor: number, attach: () => boolean): boolean {
  const name = nameOf(c, descriptor);
  if (name === undefined) return false;
  const socket = c.socket(name[0]!, SOCK_STREAM | SOCKET_FLAGS, 0);
  if (socket < 0) return false;
  try {
    const on = one(), highest = fixed(4);
    new DataView(highest.buffer).setInt32(0, MAX_TTL, true);
    c.setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, on, 4);
    c.setsockopt(socket, SOL_SOCKET, SO_REUSEPORT, on, 4);
    // With --freebind, this host need not have the address.
    if (name[0] === AF_INET) c.setsockopt(socket, IPPROTO_IP, IP_FREEBIND, on, 4);
    else c.setsockopt(socket, IPPROTO_IPV6, IPV6_FREEBIND, on, 4);
    if (name[0] === AF_INET6) {
      const only = integerOption(c, descriptor, { level: IPPROTO_IPV6, name: IPV6_V6ONLY });
      c.setsockopt(socket, IPPROTO_IPV6, IPV6_V6ONLY, only, 4);
      if (c.setsockopt(socket, IPPROTO_IPV6, IPV6_MINHOPCOUNT, highest, 4) !== 0) return false;
    }
    return c.setsockopt(socket, IPPROTO_IP, IP_MINTTL, highest, 4) === 0 &&
      c.bind(socket, name, name.length) === 0 && c.listen(socket, 1) === 0 && attach();
  } finally {
    c.close(socket);
  }
}
