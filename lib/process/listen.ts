import type { Endpoint } from "../base/endpoint.ts";
import { formatIp } from "../address/ip.ts";
import { parsePort } from "../address/port.ts";
import { resolveHost } from "../address/resolve.ts";
import type { ServiceLookup } from "../address/services.ts";
import { codeOf, UnavailableError, UsageError } from "../base/errors.ts";
import type { Options } from "../cli/options.ts";
import type { Engine, Listener } from "../engine/engine.ts";

/**
 * Where a command line listens, or where the balance listens that it wants to control.
 *
 * @param options Port argument, `-b` and `-6`.
 * @param services Looks service names up.
 * @throws {UsageError} If the port is no service and no number from 1 to 65535.
 * @throws {AddressError} If the host of `-b` is unknown.
 */
export async function listeningAddress(
  options: Pick<Options, "port" | "bindHost" | "ipv6">,
  services: ServiceLookup,
): Promise<Endpoint> {
  const port = parsePort(options.port, services);
  if (port === undefined || port === 0) {
    throw new UsageError(`invalid port [${options.port}], exiting.`);
  }
  const address = options.bindHost === undefined
    ? options.ipv6 ? "::" : "0.0.0.0"
    : formatIp(await resolveHost(unbracketed(options.bindHost)));
  return { address, port };
}

/** `[::1]` is as good as `::1` where nothing can follow. */
function unbracketed(host: string): string {
  return /^\[(.*:.*)\]$/.exec(host)?.[1] ?? host;
}

/**
 * Listens, with the message of 3.35 when that cannot be.
 *
 * @param engine What listens.
 * @param at Where.
 * @throws {UnavailableError} If the address cannot be bound; the reason is named where 3.35 did
 * not have to tell two apart.
 */
export function listen(engine: Engine, at: Endpoint & { shared?: boolean }): Listener {
  try {
    return engine.listen(at, { shared: at.shared ?? false });
  } catch (error) {
    const denied = error instanceof Deno.errors.PermissionDenied || codeOf(error) === "EACCES";
    const short = codeOf(error) === "EMFILE" || codeOf(error) === "ENFILE";
    const reason = denied
      ? `: no permission for port ${at.port}`
      : short
      ? ": too many open files"
      : "";
    throw new UnavailableError(`balance: can't bind local address${reason}`);
  }
}
