import { parseIp } from "../../address/ip.ts";
import { opensConnection, type SocketAddress, socketAddress } from "../../native/connects.ts";
import { open, type ProbeAddress } from "./open.ts";
import { passed, type Verdict } from "./verdict.ts";

/** Parsing an address again for each probe would take as long as the connect. */
const parsed = new WeakMap<ProbeAddress, SocketAddress>();

/**
 * Opens a connection and closes it.
 *
 * @param to Best the same object for each probe of a channel.
 * @param signal Cancels it.
 * @throws {Error} Of the system, or the reason of `signal`.
 */
export async function checkTcp(to: ProbeAddress, signal: AbortSignal): Promise<Verdict> {
  const name = parsed.get(to) ?? parse(to);
  // Only Deno's connect tells why a connection was not opened.
  const isOpened = name !== undefined && await opensConnection(name, signal);
  if (!isOpened) (await open(to, signal)).close();
  return passed("connected");
}

function parse(to: ProbeAddress): SocketAddress | undefined {
  const ip = to.source === undefined ? parseIp(to.address) : undefined;
  if (ip === undefined) return undefined;
  const name = socketAddress({ address: ip, port: to.port });
  parsed.set(to, name);
  return name;
}
