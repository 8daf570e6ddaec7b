import { strictInteger } from "../base/integers.ts";
import { UsageError } from "../base/errors.ts";

/** Where the metrics are served, as the command line says. */
export interface MetricsAddress {
  /** Name or address, without brackets. */
  readonly host: string;
  /** 1 to 65535. */
  readonly port: number;
}

/** Only for this host, unless said otherwise. */
const DEFAULT_HOST = "127.0.0.1";

/**
 * Reads the argument of `--metrics`.
 *
 * @param text `PORT`, `HOST:PORT`, or `[IPV6]:PORT`.
 * @throws {UsageError} If it is none of these.
 */
export function parseMetricsAddress(text: string): MetricsAddress {
  const parts = /^(?:(?:\[([0-9a-fA-F:.%]+)\]|([^:[\]]+)):)?(\d{1,5})$/.exec(text);
  const port = strictInteger(parts?.[3] ?? "", { min: 1, max: 65535 });
  if (parts === null || port === undefined) {
    throw new UsageError(
      `invalid --metrics [${text}]: want [ADDR:]PORT, an IPv6 address in brackets`,
    );
  }
  return { host: parts[1] ?? parts[2] ?? DEFAULT_HOST, port };
}
