import { type HostAndRest, splitHost } from "../address/host_port.ts";
import { UsageError } from "../base/errors.ts";
import { strictInteger } from "../base/integers.ts";

/** The address of the metrics server, not resolved yet. */
export interface MetricsAddress {
  /** Name or address, without brackets. */
  readonly host: string;
  /** 1 to 65535. */
  readonly port: number;
}

/** Reachable from this host only, unless the user asks for another address. */
const DEFAULT_HOST = "127.0.0.1";

/**
 * Parses the argument of `--metrics`: `PORT`, `HOST:PORT` or `[IPV6]:PORT`.
 *
 * @throws {UsageError} If it has another form, or the port is out of range.
 */
export function parseMetricsAddress(text: string): MetricsAddress {
  const parts = splitHost(text);
  const isPortOnly = parts !== undefined && !parts.bracketed && parts.rest === undefined;
  const port = parsePortNumber(isPortOnly ? text : parts?.rest ?? "");
  if (parts === undefined || port === undefined || !isHost(parts)) {
    throw new UsageError(
      `invalid --metrics [${text}]: want [ADDR:]PORT, an IPv6 address in brackets`,
    );
  }
  return { host: isPortOnly ? DEFAULT_HOST : parts.host, port };
}

function parsePortNumber(text: string): number | undefined {
  return /^\d{1,5}$/.test(text) ? strictInteger(text, { min: 1, max: 65535 }) : undefined;
}

function isHost({ host, bracketed }: HostAndRest): boolean {
  return (bracketed ? /^[0-9a-fA-F:.%]+$/ : /^[^[\]]+$/).test(host);
}
