import { isHostName, normalHostName } from "../address/host_name.ts";
import { UsageError, withName } from "../base/errors.ts";
import type { Arguments } from "./arguments.ts";

/**
 * Parses `--metrics-host`: names separated by commas. Pure.
 *
 * @param mode Only the mode `"balance"` serves metrics.
 * @returns The names in lower case, without a dot at the end.
 * @throws {UsageError} If one is not a host name, or `--metrics` is not given.
 */
export function metricsHosts({ values }: Arguments, mode: string): string[] {
  const text = values.get("metrics-host");
  if (mode !== "balance" || text === undefined) return [];
  const names = text.split(",").map(normalHostName);
  const wrong = names.find((name) => !isHostName(name));
  if (wrong !== undefined) {
    const reason = wrong === ""
      ? "a name is empty"
      : /^[^:/]+:\d*$/.test(wrong)
      ? "want a name without a port"
      : `[${wrong}] is not a host name`;
    throw new UsageError(`invalid --metrics-host [${text}]: ${reason}`);
  }
  if (!values.has("metrics")) {
    throw new UsageError(withName(`--metrics-host [${text}] needs --metrics`));
  }
  return names;
}
