import { parseIp } from "../../address/ip.ts";
import type { Fixed } from "../../native/memory.ts";
import { socketName } from "../../socket/addresses.ts";
import { type ConnectEnd, type ConnectLimits, opensConnection } from "../../socket/connects.ts";
import type { ProbeAddress } from "./open.ts";

/** Parsing an address again for each probe would take as long as the connect. */
const parsed = new WeakMap<ProbeAddress, Fixed>();

/**
 * Opens a connection and closes it, in the way that costs least.
 *
 * @param to Best the same object for each probe of a channel; port 1 to 65535.
 * @returns `undefined` if this is not possible here.
 */
export function openCheaply(
  to: ProbeAddress,
  limits: ConnectLimits,
): Promise<ConnectEnd> | undefined {
  const name = parsed.get(to) ?? parse(to);
  return name && opensConnection(name, limits);
}

function parse(to: ProbeAddress): Fixed | undefined {
  const ip = to.source === undefined && to.port > 0 ? parseIp(to.address) : undefined;
  if (ip === undefined) return undefined;
  const name = socketName(ip, to.port);
  parsed.set(to, name);
  return name;
}
