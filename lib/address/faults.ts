/** Why a text is not a host or port, as far as its syntax shows. Pure. */

import { closest } from "./closest.ts";
import { splitHost } from "./host_port.ts";
import { parseIp, parseIpv6 } from "./ip.ts";
import type { ServiceLookup } from "./services.ts";

/**
 * Explains why a text cannot be a host.
 *
 * @param host What was given where a host belongs, without brackets.
 * @returns The reason; empty if the syntax does not show it, as for an unknown name.
 */
export function hostFault(host: string): string {
  if (host === "") return "the host is missing";
  if (/\s/.test(host)) return "a host cannot contain spaces";
  if (host.includes("/")) return "a host cannot contain a slash";
  if (host.includes(",")) return "hosts are separated by spaces, not commas";
  if (host.includes(":")) {
    if (host.includes("%")) return "an IPv6 address with a zone is not supported";
    const { host: before = "", rest = "" } = splitHost(host) ?? {};
    const isPort = /^\w+$/.test(rest) && before !== "" && !host.startsWith("::");
    return isPort ? "no port can be given here" : "";
  }
  if (/[!%]/.test(host)) return "the separators ! and % must be separate arguments";
  return "";
}

/**
 * What to add to the error about a channel that is an IPv6 address without brackets.
 *
 * @param text The channel, for example `::1:80`.
 * @returns The reason; `undefined` if it is not such an address.
 */
export function bracketsFault(text: string): string | undefined {
  if (parseIpv6(text) === undefined) return undefined;
  // In ::1:80, the last part is more likely to be a port.
  const [, address = "", port] = /^(.*[^:]):(\d+)$/.exec(text) ?? [];
  const example = parseIpv6(address) === undefined ? `[${text}]` : `[${address}]:${port}`;
  return `an IPv6 address needs brackets: ${example}`;
}

/**
 * What to add to `invalid port [...]` about the port to listen on.
 *
 * @returns A hint in parentheses, after a blank; empty if there is none.
 */
export function listeningPortHint(text: string, services: ServiceLookup): string {
  const { host = "", rest = "" } = splitHost(text) ?? {};
  if (/^\w+$/.test(rest) && host !== "") {
    return ` (the port comes first and has no host; to listen on one address: -b ${host} ${rest})`;
  }
  if (parseIp(text) !== undefined && /[.:]/.test(text)) return " (this is an address)";
  return suggestion(closest(text, services.names?.() ?? []));
}

/** `(did you mean ...?)` after a blank; empty without a word. */
export function suggestion(word: string | undefined): string {
  return word === undefined ? "" : ` (did you mean ${word}?)`;
}
