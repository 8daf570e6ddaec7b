import { formatIp } from "../address/ip.ts";
import { DEFAULT_WEIGHT } from "../table/states.ts";
import { changeOf } from "./plan.ts";
import type { WantedChannel } from "./wanted.ts";

/** What the configuration makes of a channel. */
export interface ConfiguredChannel {
  readonly state?: "enabled";
  readonly maxc?: number;
  readonly weight?: number;
  /** As written; `default` for that of all channels. */
  readonly check?: string;
  readonly assigned?: { readonly host: string; readonly address: string; readonly port: number };
}

/**
 * What the configuration has changed about a channel, which replaces what an operator changed;
 * `undefined` if that is nothing. Pure.
 *
 * @param change `before`: what was wanted before; `undefined` for a channel that was not.
 */
export function configuredBy(
  { before, to }: { before: WantedChannel | undefined; to: WantedChannel },
): ConfiguredChannel | undefined {
  const change = changeOf(before, to), { host, port, address } = to;
  if (!Object.values(change).some(Boolean)) return undefined;
  const { check, weight = DEFAULT_WEIGHT } = to.attributes;
  const assigned = { host, port, address: formatIp(address ?? new Uint8Array(0)) };
  return {
    ...(before === undefined ? { state: "enabled" } : {}),
    ...(change.maxc ? { maxc: to.maxc } : {}),
    ...(change.weight ? { weight } : {}),
    ...(change.check ? { check: check?.text ?? "default" } : {}),
    ...(change.address ? { assigned } : {}),
  };
}
