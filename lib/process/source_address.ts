import { formatIp } from "../address/ip.ts";
import { resolveHost } from "../address/resolve.ts";
import { UnavailableError } from "../base/errors.ts";
import { canBindSource } from "../engine/deno/node_conn.ts";

/**
 * The address of `-B`, proved to work here before anything depends on it: 3.35 ignored what it
 * could not bind, and some runtimes ignore it always.
 *
 * @param host Name or address.
 * @returns Text of the address.
 * @throws {AddressError} If the host is unknown.
 * @throws {UnavailableError} If connections cannot come from there.
 */
export async function sourceAddress(host: string): Promise<string> {
  const source = formatIp(await resolveHost(host));
  const verdict = await canBindSource(source);
  if (verdict === "yes") return source;
  const reason = verdict === "not local"
    ? "not an address of this host"
    : `the runtime of this program (Deno ${Deno.version.deno}) ignores it, -B needs 2.7.13`;
  throw new UnavailableError(`balance: can't bind outgoing address [${host}]: ${reason}`);
}
