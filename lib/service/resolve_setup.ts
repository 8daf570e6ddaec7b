/** Resolves everything on the command line that names a host. */

import { normalHostName } from "../address/host_name.ts";
import { formatIp, type Ip } from "../address/ip.ts";
import { type Lookup, resolveHost } from "../address/resolve_host.ts";
import type { ServiceLookup } from "../address/services.ts";
import type { Endpoint } from "../base/endpoint.ts";
import { aboutLater, UnavailableError, withName } from "../base/errors.ts";
import type { Options } from "../cli/options.ts";
import type { Binder } from "../engine/engine.ts";
import type { NamePlan, Names } from "../names/names.ts";
import { planChannels } from "../reload/plan_channels.ts";
import { parseMetricsAddress } from "../report/metrics_address.ts";
import { listeningAddress } from "../address/listening_address.ts";

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
  /** The channels, and what their hosts resolve to. */
  readonly plan: NamePlan;
  readonly metrics: MetricsSetup | undefined;
}

/**
 * Resolves everything, in the order in which 3.35 reported errors.
 *
 * @param context `services` looks up service names; `binder` checks `-B`; `names` resolves the
 * hosts of channels; `lookup` replaces the system's resolver for the others; `onListen` is called with the address to listen on before any channel is
 * resolved, and binds it: a port in use is reported first.
 * @throws {UsageError} If a port, a channel or the metrics address is invalid.
 * @throws {AddressError} If a host is unknown.
 * @throws {UnavailableError} If a group is empty or `-B` cannot work. The subject of an error is an
 * option or a channel.
 */
export async function resolveSetup(
  options: Options,
  context: {
    services: ServiceLookup;
    binder: Binder;
    names: Pick<Names, "plan">;
    lookup?: Lookup;
    onListen: (at: Endpoint) => void | Promise<void>;
  },
): Promise<Setup> {
  const { services, binder } = context;
  const { sourceHost } = options;
  const resolve = resolver(context.lookup);
  const listen = await listeningAddress(options, services, resolve);
  const source = sourceHost === undefined
    ? undefined
    : await aboutLater("B", sourceAddress(sourceHost, { binder, resolve }));
  await context.onListen(listen);
  const plan = await planChannels(options, { ...context, listen, source });
  return {
    listen,
    source,
    plan,
    metrics: await aboutLater("metrics", metricsSetup(options, resolve)),
  };
}

/** Resolves a host; rejects with an `AddressError`. */
type Resolve = (host: string) => Promise<Ip>;

/** Resolves each host once. `lookup` replaces the system's resolver. */
function resolver(lookup?: Lookup): Resolve {
  const known = new Map<string, Ip>();
  return async (host) => {
    const address = known.get(host) ?? await resolveHost(host, lookup && { lookup });
    known.set(host, address);
    return address;
  };
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
