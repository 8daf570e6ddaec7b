import { listeningPortHint } from "../address/faults.ts";
import { splitHost } from "../address/host_port.ts";
import { formatIp, type Ip } from "../address/ip.ts";
import { parsePort } from "../address/port.ts";
import { resolveHost } from "../address/resolve_host.ts";
import type { ServiceLookup } from "../address/services.ts";
import type { Endpoint } from "../base/endpoint.ts";
import { aboutLater, UnavailableError, UsageError, withName } from "../base/errors.ts";
import type { Options } from "../cli/options.ts";
import { afterPredecessor } from "../control/predecessor.ts";
import { bindMessage } from "../engine/bind_message.ts";
import type { Binder, BoundSocket, ListenFailure } from "../engine/engine.ts";
import { openEngine } from "../engine/engines.ts";
import type { EngineName } from "../engine/names.ts";
import { steeringAt } from "../reuseport/steering.ts";
import { type Entrance, servesAlone } from "../workers/start_plane.ts";

/**
 * The address to listen on, or with `-c` and `-i` that of the balance to control.
 *
 * @throws {UsageError} If the port is neither a service nor a number from 1 to 65535.
 * @throws {AddressError} If the host of `-b` is unknown.
 */
export async function listeningAddress(
  options: Pick<Options, "port" | "bindHost" | "ipv6">,
  services: ServiceLookup,
  resolve: (host: string) => Promise<Ip> = resolveHost,
): Promise<Endpoint> {
  const port = parsePort(options.port, services);
  if (port === undefined || port === 0) {
    const hint = listeningPortHint(options.port, services);
    throw new UsageError(`invalid port [${options.port}], exiting.${hint}`, "listen");
  }
  const address = options.bindHost === undefined
    ? options.ipv6 ? "::" : "0.0.0.0"
    : formatIp(await aboutLater("b", resolve(withoutBrackets(options.bindHost))));
  return { address, port };
}

/** `[::1]` means the same as `::1` where no port can follow. */
function withoutBrackets(text: string): string {
  const split = splitHost(text);
  return split?.bracketed && split.rest === undefined && split.host.includes(":")
    ? split.host
    : text;
}

/**
 * Binds the address where clients connect. A balance that listens there and is shutting down is
 * waited for. If it cannot be bound, the error starts like that of 3.35, which named no reason.
 *
 * Worker isolates accept if there are several, and for the epoll engine, which blocks its isolate
 * while the main isolate must stay free.
 *
 * Once it is bound, a successor of this user may listen there, too (`--takeover`).
 *
 * @throws {UnavailableError} If the address cannot be bound.
 */
export async function openEntrance(at: Endpoint, by: Serving): Promise<Entrance> {
  const { engine, binder, free } = by, steering = steeringAt(at);
  if (!servesAlone(by)) {
    const bound = await listen(at, () => binder.bind(at, { shared: true, free }));
    steering?.allowSharing();
    return { bound };
  }
  const listener = await listen(at, () => openEngine(engine).listen(at, { free }));
  steering?.allowSharing();
  return { bound: listener, listener };
}

/**
 * Listens at an address where a predecessor listens, which has allowed that.
 *
 * @throws {UnavailableError} If the address cannot be bound.
 */
export function joinEntrance(at: Endpoint, by: Serving): Entrance {
  const { engine, binder, free } = by;
  if (servesAlone(by)) {
    const listener = listening(at, openEngine(engine).listen(at, { joins: true, free }));
    return { bound: listener, listener };
  }
  // The workers of the other engine bind by themselves.
  return {
    bound: engine === "epoll" ? listening(at, binder.bind(at, { joins: true, free })) : undefined,
  };
}

/** What serves. */
export interface Serving {
  readonly engine: EngineName;
  /** That of the engine. */
  readonly binder: Binder;
  readonly workers: number;
  /** `--freebind`: this host need not have the address. */
  readonly free: boolean;
}

async function listen<T extends BoundSocket>(
  at: Endpoint,
  open: () => T | ListenFailure,
): Promise<T> {
  let result = open();
  if ("failure" in result && result.failure === "in use") {
    result = await afterPredecessor(at.port, () => {
      const next = open();
      return "failure" in next && next.failure === "in use" ? undefined : next;
    }) ?? result;
  }
  return listening(at, result);
}

function listening<T extends BoundSocket>(at: Endpoint, result: T | ListenFailure): T {
  if (!("failure" in result)) return result;
  const text = withName(bindMessage(result, { ...at, purpose: "local" }));
  throw new UnavailableError(text, result.failure === "not local" ? "b" : "listen");
}
