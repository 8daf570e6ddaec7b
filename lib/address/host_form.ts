/** The forms of a host in a channel. Pure. */

import { type Ip, parseIp } from "./ip.ts";

/** What a host stands for. */
export type HostForm =
  /** An address. */
  | { readonly kind: "address"; readonly address: Ip }
  /** One of the addresses of a name. */
  | { readonly kind: "name"; readonly name: string }
  /** Every address of a name: `NAME*`. */
  | { readonly kind: "all"; readonly name: string }
  /** The targets of the SRV records of a name: `_SERVICE._tcp.NAME` (RFC 2782). */
  | { readonly kind: "service"; readonly name: string };

/** The form of a host as written, IPv6 without brackets. Whether a name is valid is not checked. */
export function hostForm(host: string): HostForm {
  const address = parseIp(host);
  if (address !== undefined) return { kind: "address", address };
  if (isServiceName(host)) return { kind: "service", name: host };
  return host.endsWith("*")
    ? { kind: "all", name: host.slice(0, -1) }
    : { kind: "name", name: host };
}

/** Whether a host is the name of SRV records. */
export function isServiceName(host: string): boolean {
  return /^_[^._][^.]*\._tcp\.[^.]/i.test(host);
}
