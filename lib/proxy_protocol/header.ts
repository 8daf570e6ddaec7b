/** What a PROXY header can be (haproxy.org, proxy-protocol.txt), and the limits for it. */

import type { Endpoint } from "../base/endpoint.ts";

/** Maximum bytes of a header of version 1 (section 2.1). */
export const MAX_V1_BYTES = 107;
/** Maximum bytes of a header of version 2 that is accepted: addresses, and 520 bytes for more. */
export const MAX_HEADER_BYTES = 536;

/** Why a header is not accepted, in a fixed order: the labels of the metric. */
export const HEADER_FAULTS = [
  /** The peer did not complete it in time. */
  "timeout",
  /** The peer closed or reset the connection before it was complete. */
  "closed",
  /** The first bytes are those of neither version. */
  "not_a_header",
  /** It is longer than the limits. */
  "too_long",
  /** A line of version 1 that does not have its words. */
  "bad_line",
  /** The version is not 2 though the signature is that of version 2. */
  "bad_version",
  /** Neither LOCAL nor PROXY. */
  "bad_command",
  /** A family or transport that the specification does not have. */
  "bad_family",
  /** An invalid address or port. */
  "bad_address",
  /** Its length, or that of a TLV, does not fit. */
  "bad_length",
  /** The CRC32C checksum is wrong. */
  "bad_checksum",
] as const;

/** One of {@link HEADER_FAULTS}. */
export type HeaderFault = typeof HEADER_FAULTS[number];

/** The connection of a client to the proxy in front. */
export interface ProxiedConnection {
  /** The client; an IPv4-mapped IPv6 address is given as IPv4. */
  readonly client: Endpoint;
  /** The address that it connected to, likewise. */
  readonly listener: Endpoint;
}

/** A header. */
export interface ProxyHeader {
  /** How many bytes it has; what follows is payload. */
  readonly length: number;
  /**
   * `undefined` if the connection is that of the peer itself (`LOCAL`, `UNKNOWN`), or one of another
   * protocol than TCP.
   */
  readonly connection: ProxiedConnection | undefined;
}

/** A header, what is wrong with it, or `undefined` if more bytes are needed. */
export type ParsedHeader = ProxyHeader | HeaderFault | undefined;
