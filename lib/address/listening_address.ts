import { listeningPortHint } from "./faults.ts";
import { splitHost } from "./host_port.ts";
import { formatIp, type Ip } from "./ip.ts";
import { parsePort } from "./port.ts";
import { resolveHost } from "./resolve_host.ts";
import type { ServiceLookup } from "./services.ts";
import type { Endpoint } from "../base/endpoint.ts";
import { aboutLater, UsageError } from "../base/errors.ts";

/** The options about the address, as given. */
interface ListeningOptions {
  readonly port: string;
  readonly bindHost: string | undefined;
  readonly ipv6: boolean;
}

/**
 * The address to listen on, or with `-c` and `-i` that of the balance to control.
 *
 * @throws {UsageError} If the port is neither a service nor a number from 1 to 65535.
 * @throws {AddressError} If the host of `-b` is unknown.
 */
export async function listeningAddress(
  options: ListeningOptions,
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
