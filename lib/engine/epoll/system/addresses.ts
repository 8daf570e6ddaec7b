/** `struct sockaddr` of ip(7) and ipv6(7), to endpoints and back. Linux, little-endian. */

import { formatIp, parseIp, parseIpv4, unmapped } from "../../../address/ip.ts";
import type { Endpoint } from "../../../base/endpoint.ts";
import { cString, type Fixed, fixed } from "../../../native/memory.ts";
import { IPV4_AT, IPV6_AT, PORT_AT, socketName } from "../../../socket/addresses.ts";
import { AF_INET, AF_INET6 } from "../../../socket/constants.ts";

/** Position in `struct sockaddr_in6`. */
const SCOPE_AT = 24;
/** What precedes an IPv4 address in an IPv6 address (RFC 4291 section 2.5.5.2). */
const MAPPED = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff];
/** `IF_NAMESIZE` of if_nametoindex(3) */
const NAME_BYTES = 16;
/** Addresses that are remembered, at most. */
const MAX_REMEMBERED = 4096;

/** The functions that interface names need. */
export interface InterfaceCalls {
  // deno-lint-ignore camelcase
  if_nametoindex(name: BufferSource): number;
  // deno-lint-ignore camelcase
  if_indextoname(index: number, name: BufferSource): bigint;
}

/**
 * An endpoint as system calls take it.
 *
 * @returns `undefined` if it is no IP address, or names an interface that does not exist.
 */
export function socketAddress(
  c: InterfaceCalls,
  { address, port }: Endpoint,
): Fixed | undefined {
  const [text = "", scope] = address.split("%", 2);
  if (!text.includes(":")) {
    const ip = parseIpv4(text);
    return ip && socketName(ip, port);
  }
  const ip = parseIp(text);
  if (ip === undefined) return undefined;
  const name = socketName(ip.length === 16 ? ip : Uint8Array.of(...MAPPED, ...ip), port);
  if (scope === undefined) return name;
  const index = /^\d+$/.test(scope) ? Number(scope) : c.if_nametoindex(cString(scope));
  if (index === 0) return undefined;
  new DataView(name.buffer).setUint32(SCOPE_AT, index, true);
  return name;
}

/** {@link socketAddress} that remembers what it has returned, for the few backends there are. */
export class SocketAddresses {
  readonly #c: InterfaceCalls;
  readonly #known = new Map<string, Map<number, Fixed>>();
  #count = 0;

  constructor(c: InterfaceCalls) {
    this.#c = c;
  }

  /** See {@link socketAddress}. The result must not be changed. */
  of(endpoint: Endpoint): Fixed | undefined {
    const { address, port } = endpoint;
    const known = this.#known.get(address)?.get(port);
    if (known !== undefined) return known;
    const name = socketAddress(this.#c, endpoint);
    // The index of an interface may change.
    if (name !== undefined && !address.includes("%")) this.#remember(endpoint, name);
    return name;
  }

  #remember({ address, port }: Endpoint, name: Fixed): void {
    if (this.#count++ === MAX_REMEMBERED) {
      this.#known.clear();
      this.#count = 1;
    }
    const ports = this.#known.get(address) ?? new Map<number, Fixed>();
    ports.set(port, name);
    this.#known.set(address, ports);
  }
}

/** The port of an address that a system call has written. */
export function portOf(name: Fixed): number {
  return name[PORT_AT]! << 8 | name[PORT_AT + 1]!;
}

/**
 * The IP address that a system call has written, in little memory: IPv4, also if it is mapped to
 * IPv6, as a signed 32-bit number, IPv6 as text. {@link ipText} returns the text of both.
 */
export function compactIp(c: InterfaceCalls, name: Fixed): number | string {
  if (name[0] === AF_INET) return number(name, IPV4_AT);
  if (name[0] !== AF_INET6) return 0;
  const ip = unmapped(name.subarray(IPV6_AT, SCOPE_AT));
  if (ip.length === 4) return number(ip, 0);
  const scope = new DataView(name.buffer).getUint32(SCOPE_AT, true);
  return scope === 0 ? formatIp(ip) : `${formatIp(ip)}%${interfaceName(c, scope)}`;
}

function number(bytes: Uint8Array, at: number): number {
  return bytes[at]! << 24 | bytes[at + 1]! << 16 | bytes[at + 2]! << 8 | bytes[at + 3]!;
}

/** The text of what {@link compactIp} has returned. */
export function ipText(ip: number | string): string {
  if (typeof ip === "string") return ip;
  return `${ip >>> 24}.${ip >> 16 & 255}.${ip >> 8 & 255}.${ip & 255}`;
}

/** The endpoint that a system call has written. */
export function endpointOf(c: InterfaceCalls, name: Fixed): Endpoint {
  return { address: ipText(compactIp(c, name)), port: portOf(name) };
}

/** An interface that has gone since is named by its number, as in RFC 4007 section 11.2. */
function interfaceName(c: InterfaceCalls, index: number): string {
  const name = fixed(NAME_BYTES);
  if (c.if_indextoname(index, name) === 0n) return String(index);
  return new TextDecoder().decode(name.subarray(0, name.indexOf(0)));
}
