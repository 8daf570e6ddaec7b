import { AddressError } from "../base/errors.ts";
import { RESOLVE_TIMEOUT_MS } from "../base/limits.ts";
import { within } from "../base/within.ts";
import { hostFault } from "./faults.ts";
import { type Ip, parseIp } from "./ip.ts";

/** Resolves a name to its addresses. Rejects if the name is unknown. */
export type Lookup = (name: string) => Promise<readonly string[]>;

/** How a name is resolved. */
export interface ResolveOptions {
  /** Replaces the system's resolver. */
  readonly lookup?: Lookup | undefined;
  /** @default 10 seconds */
  readonly timeoutMs?: number | undefined;
}

/**
 * Resolves a host to its first IPv4 address, as 3.35 does, or else to its first IPv6 address.
 *
 * @param host Name or address, IPv6 without brackets.
 * @throws {AddressError} If the name is unknown, has no address, or the resolver does not answer.
 */
export async function resolveHost(host: string, options: ResolveOptions = {}): Promise<Ip> {
  const literal = parseIp(host);
  return literal ?? preferredAddress(await resolveName(host, options))!;
}

/** The first IPv4 address, or else the first address; `undefined` if there is none. */
export function preferredAddress(addresses: readonly Ip[]): Ip | undefined {
  return addresses.find((ip) => ip.length === 4) ?? addresses[0];
}

/**
 * Resolves a name to all of its addresses.
 *
 * @returns At least one, in the order of the resolver, each once.
 * @throws {AddressError} If the name is unknown, has no address, or the resolver does not answer.
 */
export async function resolveName(name: string, options: ResolveOptions = {}): Promise<Ip[]> {
  const { lookup = systemLookup, timeoutMs = RESOLVE_TIMEOUT_MS } = options;
  // Looking up an invalid name cannot succeed and may take long.
  if (!isName(name)) throw new AddressError(name, hostFault(name));
  const found = await within(lookup(name), timeoutMs).catch(() => {
    // The name is unknown or the resolver is unreachable: the same message, as in 3.35.
    throw new AddressError(name);
  });
  if (found === undefined) {
    throw new AddressError(name, `the resolver gave no answer within ${timeoutMs / 1000} seconds`);
  }
  const addresses = [...new Set(found)].map(parseIp).filter((ip) => ip !== undefined);
  if (addresses.length === 0) throw new AddressError(name);
  return addresses;
}

/** Whether this can be a host name: RFC 1123 with underscores; numbers alone are no name. */
function isName(host: string): boolean {
  if (host.length > 253 || /^[0-9.]*$/.test(host) || /^0x[0-9a-f.x]*$/i.test(host)) return false;
  return /^[\p{L}\p{N}_-]{1,63}(\.[\p{L}\p{N}_-]{1,63})*\.?$/u.test(host);
}

/** Asks the system's resolver (getaddrinfo(3)), which also reads `/etc/hosts`. */
export async function systemLookup(name: string): Promise<readonly string[]> {
  // Only when a name is looked up: loading them takes longer than a control command.
  const [{ lookup }, { default: process }] = await Promise.all([
    import("node:dns/promises"),
    import("node:process"),
  ]);
  // Otherwise Deno 2.6 prints a deprecation warning at the first lookup.
  (process as unknown as { noDeprecation: boolean }).noDeprecation = true;
  return (await lookup(name, { all: true })).map((entry) => entry.address);
}
