import { listeningPortHint } from "../address/faults.ts";
import { splitHost } from "../address/host_port.ts";
import { formatIp, type Ip } from "../address/ip.ts";
import { parsePort } from "../address/port.ts";
import { resolveHost } from "../address/resolve_host.ts";
import type { ServiceLookup } from "../address/services.ts";
import type { Endpoint } from "../base/endpoint.ts";
import { aboutLater, UsageError } from "../base/errors.ts";
import type { Options } from "../cli/options.ts";

/**
 * The address to listen on, or with `-c` and `-i` that of the balance to control.
 *
 * @throws {UsageError} If the port is neither a service nor a number from 1 to 65535.
 * @throws {AddressError} If the host of `-b` is unknown.
 */
export async function listeningAddress(
  options: Pick<Options, "port" | "bindHost" | "ipv6">,
  services: ServiceLookup,
  resolve: (host: string) => Promise<Ip> = resolveHost,
): Promise<Endpoint> {
  const port = parsePort(options.port, services);
  if (port === undefined || port === 0) {
    const hint = listeningPortHint(options.port, services);
    throw new UsageError(`invalid port [${options.port}], exiting.${hint}`, "listen");
  }
  const address = options.bindHost === undefined
    ? options.ipv6 ? "::" : "0.0.0.0"
    : formatIp(await aboutLater("b", resolve(withoutBrackets(options.bindHost))));
  return { address, port };
}

/** `[::1]` means the same as `::1` where no port can follow. */
function withoutBrackets(text: string): string {
  const split = splitHost(text);
  return split?.bracketed && split.rest === undefined && split.host.includes(":")
    ? split.host
    : text;
}
