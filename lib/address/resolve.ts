import { lookup } from "node:dns/promises";
import process from "node:process";
import { AddressError } from "../base/errors.ts";
import { RESOLVE_TIMEOUT_MS } from "../base/limits.ts";
import { type Ip, parseIp } from "./ip.ts";

/** Asks the system's resolver (getaddrinfo, so `/etc/hosts` too) for the addresses of a name. */
export type Lookup = (name: string) => Promise<readonly string[]>;

/**
 * Finds the address of a host.
 *
 * An address is taken as it is. A name is looked up; its first IPv4 address wins, an IPv6
 * address counts only where there is none, so that what 3.35 reached stays what is reached.
 *
 * @param host Name or address, IPv6 without brackets.
 * @param options `lookup` replaces the system's resolver, `timeoutMs` bounds it (default 10 s).
 * @returns 4 or 16 bytes.
 * @throws {AddressError} If the name is unknown, has no address, or the resolver does not answer.
 */
export async function resolveHost(
  host: string,
  options: { lookup?: Lookup; timeoutMs?: number } = {},
): Promise<Ip> {
  const literal = parseIp(host);
  if (literal !== undefined) return literal;
  // What only looks like an address is never asked for: the answer is known, and it may take long.
  if (!isName(host)) throw new AddressError(host);
  const timeoutMs = options.timeoutMs ?? RESOLVE_TIMEOUT_MS;
  const found = await withDeadline(
    (options.lookup ?? systemLookup)(host),
    timeoutMs,
    () => new AddressError(host, `the resolver gave no answer within ${timeoutMs / 1000} seconds`),
  ).catch((error) => {
    if (error instanceof AddressError) throw error;
    // Unknown, or nobody there to ask: one line for both, as in 3.35.
    throw new AddressError(host);
  });
  const addresses = found.map(parseIp).filter((ip) => ip !== undefined);
  const best = addresses.find((ip) => ip.length === 4) ?? addresses[0];
  if (best === undefined) throw new AddressError(host);
  return best;
}

/** Whether this can be the name of a host: RFC 1123 with underscores, and not all digits. */
function isName(host: string): boolean {
  if (host.length > 253 || /^[0-9.]*$/.test(host) || /^0x[0-9a-f.x]*$/i.test(host)) return false;
  return /^[\p{L}\p{N}_-]{1,63}(\.[\p{L}\p{N}_-]{1,63})*\.?$/u.test(host);
}

async function systemLookup(name: string): Promise<readonly string[]> {
  // Deno 2.6 prints a deprecation of its own punycode module at the first look-up otherwise.
  (process as unknown as { noDeprecation: boolean }).noDeprecation = true;
  return (await lookup(name, { all: true })).map((entry) => entry.address);
}

async function withDeadline<T>(
  promise: Promise<T>,
  ms: number,
  error: () => Error,
): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(error()), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
