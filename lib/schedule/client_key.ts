/** What schedules know about a client. Pure. */

import { parsePeerIp } from "../address/ip.ts";
import { type Hash64, hash64 } from "../table/name_hash.ts";
import { clientHash } from "./client_hash.ts";

/** A client, as schedules and the wait line see it. A plain record. */
export interface ClientKey {
  /** The hash of 3.35; for `hash`. */
  readonly hash: number;
  /** Another hash of its address; for `consistent`. */
  readonly key: Hash64;
}

/**
 * The key of a client's address.
 *
 * @param address IPv4 or IPv6; an unknown one counts as 0.0.0.0.
 */
export function clientKey(address: string): ClientKey {
  const ip = parsePeerIp(address) ?? new Uint8Array(4);
  return { hash: clientHash(ip), key: hash64(ip) };
}
