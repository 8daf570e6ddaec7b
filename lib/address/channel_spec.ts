import { AddressError, UsageError } from "../base/errors.ts";
import { strictInteger } from "../base/integers.ts";
import { closest } from "./closest.ts";
import { bracketsFault, suggestion } from "./faults.ts";
import { isServiceName } from "./host_form.ts";
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
  /** Each `KEY=VALUE` as written; not checked yet. */
  readonly attributes: readonly string[];
  /** What to add to the error if the host is unknown. */
  readonly fault?: string;
}

/** Range of `maxc`: a 32-bit integer, as in 3.35. */
export const MAXC_RANGE = { min: -(2 ** 31), max: 2 ** 31 - 1 } as const;

/** A channel argument, split where its attributes begin. */
export interface SplitChannel {
  /** `HOST[:PORT[:MAXC]]`. */
  readonly address: string;
  /** Each `KEY=VALUE`. */
  readonly attributes: readonly string[];
}

/**
 * Splits a channel argument at each comma that a key and `=` follow. Any other comma belongs to the
 * text before it: to a value, as in `send-proxy=v2,id`, or to a host or port, which is then wrong.
 */
export function splitAttributes(text: string): SplitChannel {
  const [address = "", ...attributes] = text.split(/,(?=[A-Za-z][\w-]*=)/);
  return { address, attributes };
}

/** The keys of attributes. */
export const ATTRIBUTE_KEYS: readonly string[] = ["weight", "check", "check-port", "send-proxy"];

/**
 * Parses a channel argument, `HOST[:PORT[:MAXC]][,KEY=VALUE]...`, HOST with brackets if it is an
 * IPv6 address; see CHANNELS AND GROUPS in balance(1). Anything after a third colon is ignored, as in
 * 3.35.
 *
 * @param options `defaultPort` replaces a missing or empty PORT; `services` looks up its name.
 * @throws {AddressError} If brackets do not match or contain no IPv6 address.
 * @throws {UsageError} If PORT or MAXC is invalid or out of range.
 */
export function parseChannelSpec(
  text: string,
  options: { defaultPort: number; services: ServiceLookup },
): ChannelSpec {
  const { address, attributes } = splitAttributes(text);
  const parts = splitHost(address);
  if (parts === undefined) throw new AddressError(address, "brackets must enclose the host");
  if (parts.bracketed && !parts.host.includes(":")) {
    throw new AddressError(address, "only an IPv6 address has brackets");
  }
  const [portText = "", maxcText = ""] = parts.rest?.split(":") ?? [];
  const fault = parts.bracketed ? undefined : bracketsFault(address);
  if (isServiceName(parts.host) && portText !== "") {
    const reason = "the port of a service comes from its SRV records";
    throw new UsageError(`invalid port [${portText}] in channel [${text}]: ${reason}, exiting.`);
  }
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
  const channel = { host: parts.host, port, maxc, attributes };
  return fault === undefined ? channel : { ...channel, fault };
}

function portFault(text: string, services: ServiceLookup): string {
  if (text.startsWith("//")) return "a channel is HOST:PORT, not a URL";
  const [, word = ""] = /,([^,]*)$/.exec(text) ?? [];
  if (ATTRIBUTE_KEYS.includes(word)) return `an attribute is KEY=VALUE: ${word}=...`;
  if (text.includes(",")) return "channels are separated by spaces, not commas";
  if (/[!%]/.test(text)) return "the separators ! and % must be separate arguments";
  const meant = suggestion(closest(text, services.names?.() ?? []));
  return `neither the name of a TCP service nor a number from 0 to 65535${meant}`;
}
