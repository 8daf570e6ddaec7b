/**
 * Builds the PROXY header that a connection to a backend starts with. Pure.
 *
 * Source: "The PROXY protocol, versions 1 & 2" (haproxy.org, proxy-protocol.txt), sections 2.1, 2.2.
 */

import { formatIp, type Ip, parsePeerIp } from "../address/ip.ts";
import { joinBytes } from "../base/bytes.ts";
import type { Endpoint } from "../base/endpoint.ts";
import type { HeaderForm } from "./send_proxy.ts";

/** The client that a header names. */
export interface ProxiedClient {
  /** Number of the connection, for the TLV UNIQUE_ID. */
  readonly id: number;
  readonly client: Endpoint;
  /** The address that the client connected to. */
  readonly listener: Endpoint;
}

/** The first 12 bytes of version 2, which no other protocol starts with. */
const SIGNATURE = [0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a];
/** Version 2 with the command LOCAL or PROXY. */
const LOCAL = 0x20, PROXY = 0x21;
/** A family with the transport STREAM; UNSPEC has none. */
const UNSPEC = 0x00, TCP4 = 0x11, TCP6 = 0x21;
const TYPE_UNIQUE_ID = 0x05;

const encoder = new TextEncoder();

/**
 * The header of a client.
 *
 * @param proxied An IPv4 and an IPv6 address are both sent as IPv6, the former one IPv4-mapped. The
 * scope of an address (`fe80::1%eth0`) is not sent.
 */
export function proxyHeader(form: HeaderForm, { id, client, listener }: ProxiedClient): Uint8Array {
  const [from, to] = sameFamily(parsePeerIp(client.address), parsePeerIp(listener.address));
  if (from === undefined || to === undefined) return localHeader(form);
  const isV4 = from.length === 4, ports = [client.port, listener.port];
  if (form === "v1") {
    const words = [isV4 ? "TCP4" : "TCP6", formatIp(from), formatIp(to), ...ports];
    return encoder.encode(`PROXY ${words.join(" ")}\r\n`);
  }
  const body = joinBytes([
    from,
    to,
    Uint8Array.from(ports.flatMap(wordBytes)),
    ...(form === "v2,id" ? [tlv(TYPE_UNIQUE_ID, encoder.encode(`${id}`))] : []),
  ]);
  return binary(PROXY, isV4 ? TCP4 : TCP6, body);
}

/**
 * The header of a connection that is made for no client, such as that of a health check: UNKNOWN in
 * version 1, the command LOCAL in version 2.
 */
export function localHeader(form: HeaderForm): Uint8Array {
  return form === "v1"
    ? encoder.encode("PROXY UNKNOWN\r\n")
    : binary(LOCAL, UNSPEC, new Uint8Array(0));
}

function binary(command: number, family: number, body: Uint8Array): Uint8Array {
  const head = [...SIGNATURE, command, family, ...wordBytes(body.length)];
  return joinBytes([Uint8Array.from(head), body]);
}

function tlv(type: number, value: Uint8Array): Uint8Array {
  return joinBytes([Uint8Array.from([type, ...wordBytes(value.length)]), value]);
}

/** A number of 16 bits in network order. */
function wordBytes(value: number): number[] {
  return [value >> 8, value & 0xff];
}

function sameFamily(first: Ip | undefined, second: Ip | undefined): (Ip | undefined)[] {
  if (first === undefined || second === undefined || first.length === second.length) {
    return [first, second];
  }
  return [mapped(first), mapped(second)];
}

/** An IPv4 address as an IPv4-mapped IPv6 address (RFC 4291 section 2.5.5.2). */
function mapped(address: Ip): Ip {
  if (address.length === 16) return address;
  const bytes = new Uint8Array(16);
  bytes.fill(0xff, 10, 12);
  bytes.set(address, 12);
  return bytes;
}
