import { AddressError, UsageError } from "../base/errors.ts";
import { strictInteger } from "../base/integers.ts";
import { parsePort } from "./port.ts";
import type { ServiceLookup } from "./services.ts";

/** A channel as the command line names it, the host not resolved yet. */
export interface ChannelSpec {
  /** Name or address, IPv6 without its brackets. */
  readonly host: string;
  /** 0 to 65535; 0 is accepted and never connects. */
  readonly port: number;
  /** Most connections at a time; 0 for no limit, a negative one makes the channel unusable. */
  readonly maxc: number;
}

/** Range of `maxc`: a 32 bit integer, as in 3.35. */
export const MAXC_RANGE = { min: -(2 ** 31), max: 2 ** 31 - 1 } as const;

/**
 * Reads one channel argument, `HOST[:PORT[:MAXC]]` or `[IPV6][:PORT[:MAXC]]`.
 *
 * Anything after a third colon is ignored, as in 3.35.
 *
 * @param text The argument.
 * @param options `defaultPort` for a missing or empty PORT, `services` for its name.
 * @throws {AddressError} If there is no host or brackets do not match.
 * @throws {UsageError} If PORT or MAXC is no number or out of range.
 * @see balance(1), CHANNELS
 */
export function parseChannelSpec(
  text: string,
  options: { defaultPort: number; services: ServiceLookup },
): ChannelSpec {
  const { host, rest } = splitHost(text);
  const [portText = "", maxcText = ""] = rest;
  const port = portText === "" ? options.defaultPort : parsePort(portText, options.services);
  if (port === undefined) {
    throw new UsageError(
      `invalid port [${portText}] in channel [${text}]: ` +
        "neither the name of a TCP service nor a number from 0 to 65535, exiting.",
    );
  }
  const maxc = maxcText === "" ? 0 : strictInteger(maxcText, MAXC_RANGE);
  if (maxc === undefined) {
    throw new UsageError(
      `invalid maxc [${maxcText}] in channel [${text}]: ` +
        `not a number from ${MAXC_RANGE.min} to ${MAXC_RANGE.max}, exiting.`,
    );
  }
  return { host, port, maxc };
}

/** Splits the host off; the rest is split at its colons. */
function splitHost(text: string): { host: string; rest: string[] } {
  if (text.startsWith("[")) {
    const bracketed = /^\[([^\]]*)\](?::(.*))?$/s.exec(text);
    if (bracketed === null || !bracketed[1]?.includes(":")) throw new AddressError(text);
    return { host: bracketed[1], rest: bracketed[2]?.split(":") ?? [] };
  }
  const [host = "", ...rest] = text.split(":");
  return { host, rest };
}
