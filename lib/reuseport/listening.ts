/** The listening sockets of this process at an address, by their descriptors. */

import { parseIp } from "../address/ip.ts";
import type { Endpoint } from "../base/endpoint.ts";
import type { CLibrary } from "../native/c_library.ts";
import { fixed } from "../native/memory.ts";
import { descriptorsEnd } from "../native/sockets.ts";
import {
  AF_INET,
  AF_INET6,
  IPPROTO_TCP,
  SO_ACCEPTCONN,
  SO_REUSEPORT,
  SOL_SOCKET,
  TCP_INFO,
} from "./constants.ts";

/** `sizeof(struct sockaddr_in)` and `sockaddr_in6`, and where their addresses are. */
const NAME4_BYTES = 16, NAME6_BYTES = 28, ADDRESS4_AT = 4, ADDRESS6_AT = 8;
/** `tcpi_unacked` of `struct tcp_info`: of a listening socket, how many wait to be accepted. */
const QUEUED_AT = 24, INFO_BYTES = 28;

/** `struct sockaddr` of an address without a scope; `undefined` if it is not numeric. */
function socketName({ address, port }: Endpoint): Uint8Array<ArrayBuffer> | undefined {
  const ip = parseIp(address.replace(/%.*$/, ""));
  if (ip === undefined) return undefined;
  const isIp4 = ip.length === 4, name = fixed(isIp4 ? NAME4_BYTES : NAME6_BYTES);
  name[0] = isIp4 ? AF_INET : AF_INET6;
  name[2] = port >> 8;
  name[3] = port & 0xff;
  name.set(ip, isIp4 ? ADDRESS4_AT : ADDRESS6_AT);
  return name;
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
    const addressAt = name[0] === AF_INET ? ADDRESS4_AT : ADDRESS6_AT;
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
  const name = socketName(at), options = new Options(c), end = descriptorsEnd(c);
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
export function nameOf(c: CLibrary, descriptor: number): Uint8Array<ArrayBuffer> | undefined {
  const name = fixed(NAME6_BYTES), length = new Uint32Array(fixed(4).buffer);
  length[0] = NAME6_BYTES;
  return c.getsockname(descriptor, name, length) === 0 ? name.subarray(0, length[0]) : undefined;
}

/** The value of an option of type `int`, as it is passed to setsockopt(2). */
export function integerOption(
  c: CLibrary,
  descriptor: number,
  { level, name }: { level: number; name: number },
): Uint8Array<ArrayBuffer> {
  const value = fixed(4), length = new Uint32Array(fixed(4).buffer);
  length[0] = 4;
  c.getsockopt(descriptor, level, name, value, length);
  return value;
}

/** The value of an option that is on. */
export function one(): Uint8Array<ArrayBuffer> {
  const value = fixed(4);
  value[0] = 1;
  return value;
}
