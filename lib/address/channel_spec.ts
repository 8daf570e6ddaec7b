import { AddressError, UsageError } from "../base/errors.ts";
import { strictInteger } from "../base/integers.ts";
import { closest } from "./closest.ts";
import { bracketsFault, suggestion } from "./faults.ts";
import { splitHost } from "./host_port.ts";
import { parsePort } from "./port.ts";
import type { ServiceLookup } from "./services.ts";

/** A channel of the command line; its host is not resolved yet. */
export interface ChannelSpec {
  /** Name or address, IPv6 without brackets. */
  readonly host: string;
  /** 0 to 65535; connections to port 0 always fail. */
  readonly port: number;
  /** Maximum connections; 0 for no limit; with a negative value the channel gets none. */
  readonly maxc: number;
  /** What to add to the error if the host is unknown. */
  readonly fault?: string;
}

/** Range of `maxc`: a 32-bit integer, as in 3.35. */
export const MAXC_RANGE = { min: -(2 ** 31), max: 2 ** 31 - 1 } as const;

/**
 * Parses a channel argument, `HOST[:PORT[:MAXC]]` or `[IPV6][:PORT[:MAXC]]`; see CHANNELS in
 * balance(1). Anything after a third colon is ignored, as in 3.35.
 *
 * @param options `defaultPort` replaces a missing or empty PORT; `services` looks up its name.
 * @throws {AddressError} If brackets do not match or contain no IPv6 address.
 * @throws {UsageError} If PORT or MAXC is invalid or out of range.
 */
export function parseChannelSpec(
  text: string,
  options: { defaultPort: number; services: ServiceLookup },
): ChannelSpec {
  const parts = splitHost(text);
  if (parts === undefined) throw new AddressError(text, "brackets must enclose the host");
  if (parts.bracketed && !parts.host.includes(":")) {
    throw new AddressError(text, "only an IPv6 address has brackets");
  }
  const [portText = "", maxcText = ""] = parts.rest?.split(":") ?? [];
  const fault = parts.bracketed ? undefined : bracketsFault(text);
  const port = portText === "" ? options.defaultPort : parsePort(portText, options.services);
  if (port === undefined) {
    const reason = fault ?? portFault(portText, options.services);
    throw new UsageError(`invalid port [${portText}] in channel [${text}]: ${reason}, exiting.`);
  }
  const maxc = maxcText === "" ? 0 : strictInteger(maxcText, MAXC_RANGE);
  if (maxc === undefined) {
    const reason = fault ?? `not a number from ${MAXC_RANGE.min} to ${MAXC_RANGE.max}`;
    throw new UsageError(`invalid maxc [${maxcText}] in channel [${text}]: ${reason}, exiting.`);
  }
  return { host: parts.host, port, maxc, ...(fault === undefined ? {} : { fault }) };
}

function portFault(text: string, services: ServiceLookup): string {
  if (text.startsWith("//")) return "a channel is HOST:PORT, not a URL";
  if (text.includes(",")) return "channels are separated by spaces, not commas";
  if (/[!%]/.test(text)) return "the separators ! and % must be separate arguments";
  const meant = suggestion(closest(text, services.names?.() ?? []));
  return `neither the name of a TCP service nor a number from 0 to 65535${meant}`;
}
