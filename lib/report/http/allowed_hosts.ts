/**
 * Which hosts a request may name. Pure.
 *
 * A page of an attacker can make a browser connect here under the attacker's name (DNS rebinding),
 * and read what it gets. So only names are served that no attacker can give to this host.
 */

import { normalHostName } from "../../address/host_name.ts";
import { splitHost } from "../../address/host_port.ts";
import { parseIpv6 } from "../../address/ip.ts";

/** Four decimal numbers: a name that looks like this cannot be looked up in the DNS. */
const IPV4 = /^\d{1,3}(\.\d{1,3}){3}$/;
const PORT = /^\d{0,5}$/;

/**
 * Whether a request may name this host.
 *
 * @param host Of the `Host` field or of the target, with or without a port: an IP address,
 * `localhost` or one of `names` are allowed. Case and a dot at the end make no difference.
 * @param names Further names, in lower case and without a dot at the end.
 */
export function isAllowedHost(host: string, names: ReadonlySet<string>): boolean {
  const parts = splitHost(host);
  if (parts === undefined || !PORT.test(parts.rest ?? "")) return false;
  // A zone may follow the address.
  if (parts.bracketed) return parseIpv6(parts.host.replace(/%.*$/s, "")) !== undefined;
  const name = normalHostName(parts.host);
  return IPV4.test(name) || name === "localhost" || names.has(name);
}
