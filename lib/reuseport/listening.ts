/** The listening sockets of this process at an address, by their descriptors. */

import { parseIp } from "../address/ip.ts";
import type { Endpoint } from "../base/endpoint.ts";
import type { CLibrary } from "../native/c_library.ts";
import { type Fixed, fixed } from "../native/memory.ts";
import { descriptorsEnd } from "../native/sockets.ts";
import { ADDRESS_BYTES, IPV4_AT, IPV6_AT, socketName } from "../socket/addresses.ts";
import {
  AF_INET,
  IPPROTO_TCP,
  SO_ACCEPTCONN,
  SO_REUSEPORT,
  SOL_SOCKET,
  TCP_INFO,
} from "../socket/constants.ts";

/** `tcpi_unacked` of `struct tcp_info`: of a listening socket, how many wait to be accepted. */
const QUEUED_AT = 24, INFO_BYTES = 28;

/** `struct sockaddr` of an address without its scope; `undefined` if it is not numeric. */
function unscopedName({ address, port }: Endpoint): Fixed | undefined {
  const ip = parseIp(address.replace(/%.*$/, ""));
  return ip && socketName(ip, port);
}

/** Reads options of sockets, into the same memory. */
class Options {
  readonly #c: CLibrary;
  readonly #value = fixed(INFO_BYTES);
  readonly #view = new DataView(this.#value.buffer);
  readonly #length = new Uint32Array(fixed(4).buffer);

  constructor(c: CLibrary) {
    this.#c = c;
  }

  listens(descriptor: number): boolean {
    return this.#read(descriptor, { level: SOL_SOCKET, name: SO_ACCEPTCONN }, 4) === 4 &&
      this.#view.getInt32(0, true) === 1;
  }

  queued(descriptor: number): number | undefined {
    const size = this.#read(descriptor, { level: IPPROTO_TCP, name: TCP_INFO }, INFO_BYTES);
    return size === INFO_BYTES ? this.#view.getUint32(QUEUED_AT, true) : undefined;
  }

  isAt(descriptor: number, name: Uint8Array): boolean {
    this.#length[0] = INFO_BYTES;
    if (this.#c.getsockname(descriptor, this.#value, this.#length) !== 0) return false;
    const addressAt = name[0] === AF_INET ? IPV4_AT : IPV6_AT;
    const isEqual = (from: number, to: number) =>
      name.subarray(from, to).every((byte, i) => byte === this.#value[from + i]);
    return this.#value[0] === name[0] && isEqual(2, 4) &&
      isEqual(addressAt, addressAt + (name[0] === AF_INET ? 4 : 16));
  }

  #read(descriptor: number, { level, name }: { level: number; name: number }, size: number) {
    this.#length[0] = size;
    const result = this.#c.getsockopt(descriptor, level, name, this.#value, this.#length);
    return result === 0 ? this.#length[0] : undefined;
  }
}

/**
 * The descriptors of this process that listen at an address.
 *
 * It asks the system about every descriptor: some milliseconds if there are 10,000.
 */
export function listeningDescriptors(c: CLibrary, at: Endpoint): number[] {
  const name = unscopedName(at), options = new Options(c), end = descriptorsEnd(c);
  const found: number[] = [];
  if (name === undefined) return found;
  for (let descriptor = 3; descriptor < end; descriptor++) {
    if (options.listens(descriptor) && options.isAt(descriptor, name)) found.push(descriptor);
  }
  return found;
}

/** How many connections wait to be accepted on a listening socket; `undefined` if it does not listen. */
export function queueLength(c: CLibrary, descriptor: number): number | undefined {
  const options = new Options(c);
  return options.listens(descriptor) ? options.queued(descriptor) : undefined;
}

/**
 * Lets later programs of this user listen at an address, too, if they set `SO_REUSEPORT` before
 * bind(2). It is set after bind(2) here, so that the start of another program there has failed.
 */
export function allowSharing(c: CLibrary, at: Endpoint): void {
  for (const descriptor of listeningDescriptors(c, at)) {
    c.setsockopt(descriptor, SOL_SOCKET, SO_REUSEPORT, one(), 4);
  }
}

/** `struct sockaddr` of a socket, with its scope. */
export function nameOf(c: CLibrary, descriptor: number): Fixed | undefined {
  const name = fixed(ADDRESS_BYTES), length = new Uint32Array(fixed(4).buffer);
  length[0] = ADDRESS_BYTES;
  return c.getsockname(descriptor, name, length) === 0 ? name.subarray(0, length[0]) : undefined;
}

/** The value of an option of type `int`, as it is passed to setsockopt(2). */
export function integerOption(
  c: CLibrary,
  descriptor: number,
  { level, name }: { level: number; name: number },
): Fixed {
  const value = fixed(4), length = new Uint32Array(fixed(4).buffer);
  length[0] = 4;
  c.getsockopt(descriptor, level, name, value, length);
  return value;
}

/** The value of an option that is on. */
export function one(): Fixed {
  const value = fixed(4);
  value[0] = 1;
  return value;
}
