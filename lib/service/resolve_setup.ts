/** Resolves everything on the command line that names a host. */

import { normalHostName } from "../address/host_name.ts";
import { formatIp, type Ip } from "../address/ip.ts";
import { type Lookup, resolveHost } from "../address/resolve_host.ts";
import type { ServiceLookup } from "../address/services.ts";
import type { Endpoint } from "../base/endpoint.ts";
import { AddressError, UnavailableError, withName } from "../base/errors.ts";
import { type GroupChannel, type GroupSpec, parseGroups } from "../cli/groups.ts";
import type { Options } from "../cli/options.ts";
import type { Binder } from "../engine/engine.ts";
import { parseMetricsAddress } from "../report/metrics_address.ts";
import type { ScheduleName } from "../table/states.ts";
import { listeningAddress } from "./listen.ts";

/** A channel with its host as written and the address it resolved to. */
export interface ResolvedChannel extends GroupChannel {
  readonly address: Ip;
}

/** A group of resolved channels. */
export interface ResolvedGroup {
  readonly schedule: ScheduleName;
  readonly channels: readonly ResolvedChannel[];
}

/** `--metrics`: where to serve them. */
export interface MetricsSetup extends Endpoint {
  /** Names of this host besides `localhost`, in lower case and without a dot at the end. */
  readonly hosts: ReadonlySet<string>;
}

/** The addresses of a command line. */
export interface Setup {
  /** The address to listen on. */
  readonly listen: Endpoint;
  /** `-B`: local address of connections to backends. */
  readonly source: string | undefined;
  readonly groups: readonly ResolvedGroup[];
  readonly metrics: MetricsSetup | undefined;
}

/**
 * Resolves everything, in the order in which 3.35 reported errors.
 *
 * @param context `services` looks up service names; `binder` checks `-B`; `lookup` replaces the
 * system's resolver; `onListen` is called with the address to listen on before any channel is
 * resolved, and binds it: a port in use is reported first.
 * @throws {UsageError} If a port, a channel or the metrics address is invalid.
 * @throws {AddressError} If a host is unknown.
 * @throws {UnavailableError} If a group is empty or `-B` cannot work.
 */
export async function resolveSetup(
  options: Options,
  context: {
    services: ServiceLookup;
    binder: Binder;
    lookup?: Lookup;
    onListen: (at: Endpoint) => void | Promise<void>;
  },
): Promise<Setup> {
  const { services, binder } = context;
  const { sourceHost, channels, maxGroups, maxChannels } = options;
  const resolve = resolver(context.lookup);
  const listen = await listeningAddress(options, services, resolve);
  const source = sourceHost === undefined
    ? undefined
    : await sourceAddress(sourceHost, { binder, resolve });
  await context.onListen(listen);
  const { schedules } = options.backends;
  const groupOptions = { defaultPort: listen.port, services, maxGroups, maxChannels, schedules };
  const groups = await resolveGroups(parseGroups(channels, groupOptions), resolve);
  return {
    listen,
    source,
    groups,
    metrics: await metricsSetup(options, resolve),
  };
}

/** Resolves a host; rejects with an `AddressError`. */
type Resolve = (host: string) => Promise<Ip>;

/** Resolves each host once. `lookup` replaces the system's resolver. */
export function resolver(lookup?: Lookup): Resolve {
  const known = new Map<string, Ip>();
  return async (host) => {
    const address = known.get(host) ?? await resolveHost(host, lookup && { lookup });
    known.set(host, address);
    return address;
  };
}

/**
 * Resolves the hosts of groups.
 *
 * @throws {AddressError} For the first host that has no address.
 */
export async function resolveGroups(
  groups: readonly GroupSpec[],
  resolve: Resolve,
): Promise<ResolvedGroup[]> {
  const resolved: ResolvedGroup[] = [];
  for (const { schedule, channels } of groups) {
    const found: ResolvedChannel[] = [];
    for (const channel of channels) {
      found.push({ ...channel, address: await resolveChannel(channel, resolve) });
    }
    resolved.push({ schedule, channels: found });
  }
  return resolved;
}

async function resolveChannel({ host, fault }: GroupChannel, resolve: Resolve): Promise<Ip> {
  try {
    return await resolve(host);
  } catch (error) {
    const isUnknown = error instanceof AddressError && fault !== undefined;
    throw isUnknown ? new AddressError(host, fault) : error;
  }
}

async function metricsSetup(
  { metrics, metricsHosts }: Pick<Options, "metrics" | "metricsHosts">,
  resolve: Resolve,
): Promise<MetricsSetup | undefined> {
  if (metrics === undefined) return undefined;
  const { host, port } = parseMetricsAddress(metrics);
  const hosts = new Set([normalHostName(host), ...metricsHosts]);
  return { address: formatIp(await resolve(host)), port, hosts };
}

/** The address of `-B`, checked first: 3.35 ignored an address that it could not bind. */
async function sourceAddress(
  host: string,
  { binder, resolve }: { binder: Binder; resolve: Resolve },
): Promise<string> {
  const source = formatIp(await resolve(host));
  const support = await binder.canDialFrom(source);
  if (support === "yes") return source;
  const reason = support === "not local"
    ? "not an address of this host"
    : `the runtime of this program (Deno ${Deno.version.deno}) ignores it, -B needs 2.7.13`;
  throw new UnavailableError(withName(`can't bind outgoing address [${host}]: ${reason}`));
}
