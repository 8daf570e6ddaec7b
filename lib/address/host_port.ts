/** `HOST:PORT` as text, IPv6 addresses in brackets (RFC 3986 section 3.2.2). Pure. */

import type { Endpoint } from "../base/endpoint.ts";

/** A host and what follows it. */
export interface HostAndRest {
  /** Without brackets. */
  readonly host: string;
  /** The text after the colon that follows the host; `undefined` without a colon. */
  readonly rest: string | undefined;
  /** Whether the host was in brackets. */
  readonly bracketed: boolean;
}

/**
 * Splits `HOST`, `HOST:REST`, `[IPV6]` or `[IPV6]:REST`. An IPv6 address without brackets is split
 * at its first colon.
 *
 * @returns `undefined` if a bracket is not closed, or not followed by a colon or the end.
 */
export function splitHost(text: string): HostAndRest | undefined {
  if (text.startsWith("[")) {
    const parts = /^\[([^\]]*)\](?::(.*))?$/s.exec(text);
    return parts === null ? undefined : { host: parts[1] ?? "", rest: parts[2], bracketed: true };
  }
  const colon = text.indexOf(":");
  return colon < 0
    ? { host: text, rest: undefined, bracketed: false }
    : { host: text.slice(0, colon), rest: text.slice(colon + 1), bracketed: false };
}

/** Formats an endpoint, for example `10.0.0.1:80` or `[2001:db8::5]:80`. */
export function formatEndpoint({ address, port }: Endpoint): string {
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}
