import { isHostName, normalHostName } from "../address/host_name.ts";
import { UsageError, withName } from "../base/errors.ts";
import { placed } from "../config_file/place.ts";
import type { Arguments } from "./arguments.ts";

/**
 * Parses `--metrics-host`: names separated by commas. Pure.
 *
 * @param mode Only the mode `"balance"` serves metrics.
 * @returns The names in lower case, without a dot at the end.
 * @throws {UsageError} If one is not a host name, or `--metrics` is not given.
 */
export function metricsHosts({ values, given }: Arguments, mode: string): string[] {
  const text = values.get("metrics-host");
  if (mode !== "balance" || text === undefined) return [];
  const names = (given.get("metrics-host") ?? []).flatMap(({ value = "", place }) =>
    value.split(",").map((name) => placed(place, () => hostName(name, text)))
  );
  if (!values.has("metrics")) {
    throw new UsageError(withName(`--metrics-host [${text}] needs --metrics`), "metrics-host");
  }
  return names;
}

/** @param text The whole value, for the error. */
function hostName(written: string, text: string): string {
  const name = normalHostName(written);
  if (isHostName(name)) return name;
  const reason = name === ""
    ? "a name is empty"
    : /^[^:/]+:\d*$/.test(name)
    ? "want a name without a port"
    : `[${name}] is not a host name`;
  throw new UsageError(`invalid --metrics-host [${text}]: ${reason}`);
}
