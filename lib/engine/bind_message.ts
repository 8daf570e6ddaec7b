/** Why an address cannot be listened on, for people. */

import { formatEndpoint } from "../address/host_port.ts";
import type { Endpoint } from "../base/endpoint.ts";
import type { ListenFailure } from "./engine.ts";

/** Linux: the first port that needs no privilege. */
const FIRST_PORT_FILE = "/proc/sys/net/ipv4/ip_unprivileged_port_start";
const FIRST_PORT = 1024;

/**
 * One line about a failure to listen, for example
 * `can't bind local address 0.0.0.0:80: address already in use`.
 *
 * @param at The address, and what it is for; `local` if clients connect to it.
 */
export function bindMessage(
  failure: ListenFailure,
  at: Endpoint & { purpose: "local" | "metrics" },
): string {
  return `can't bind ${at.purpose} address ${formatEndpoint(at)}: ${bindReason(failure, at)}`;
}

/** Why an address cannot be listened on, and what may help. */
export function bindReason(
  { failure, reason }: ListenFailure,
  { address, port }: Endpoint,
  firstPort: () => number = firstUnprivilegedPort,
): string {
  const inLowerCase = reason.charAt(0).toLowerCase() + reason.slice(1);
  switch (failure) {
    case "in use":
      return "address already in use";
    case "no descriptor":
      return "too many open files";
    case "no permission": {
      const first = firstPort();
      if (port >= first) return "permission denied";
      return `permission denied: a port below ${first} needs CAP_NET_BIND_SERVICE or root`;
    }
    case "not local":
      return `cannot assign requested address: ${address} is not an address of this host`;
    case "failed":
      return inLowerCase;
  }
}

function firstUnprivilegedPort(): number {
  try {
    return Number(Deno.readTextFileSync(FIRST_PORT_FILE));
  } catch {
    return FIRST_PORT;
  }
}
