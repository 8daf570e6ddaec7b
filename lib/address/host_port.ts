/** `HOST:PORT` as text, IPv6 addresses in brackets (RFC 3986 section 3.2.2). Pure. */

import type { Endpoint } from "../base/endpoint.ts";

/** A host and what follows it. */
export interface HostAndRest {
  /** Without brackets. */
  readonly host: string;
  /** What follows the colon after the host; `undefined` without one. */
  readonly rest: string | undefined;
  /** Whether the host was in brackets. */
  readonly bracketed: boolean;
}

/**
 * Splits the host off: `HOST`, `HOST:REST`, `[IPV6]` or `[IPV6]:REST`.
 *
 * @param text What was given; an IPv6 address without brackets is split at its first colon.
 * @returns `undefined` if it starts with a bracket that is not closed, or not followed by a colon.
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

/**
 * An endpoint as text.
 *
 * @returns For example `10.0.0.1:80` or `[2001:db8::5]:80`.
 */
export function formatEndpoint({ address, port }: Endpoint): string {
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}
