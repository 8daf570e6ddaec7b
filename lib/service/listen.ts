import type { Endpoint } from "../base/endpoint.ts";
import { UnavailableError, withName } from "../base/errors.ts";
import { afterPredecessor } from "../control/predecessor.ts";
import { bindMessage } from "../engine/bind_message.ts";
import type { Binder, BoundSocket, ListenFailure } from "../engine/engine.ts";
import { openEngine } from "../engine/engines.ts";
import type { EngineName } from "../engine/names.ts";
import { steeringAt } from "../reuseport/steering.ts";
import { type Entrance, servesAlone } from "../workers/start_plane.ts";

/** What may be added to the message if an address is in use. */
export type InUseHint = (at: Endpoint) => Promise<string>;

/**
 * Binds the address where clients connect. A balance that listens there and is shutting down is
 * waited for. If it cannot be bound, the error starts like that of 3.35, which named no reason.
 *
 * Worker isolates accept if there are several, and for the epoll engine, which blocks its isolate
 * while the main isolate must stay free.
 *
 * Once it is bound, a successor of this user may listen there, too (`--takeover`).
 *
 * @param hint Added to the message of 3.35 if the address is in use.
 * @throws {UnavailableError} If the address cannot be bound.
 */
export async function openEntrance(
  at: Endpoint,
  by: Serving,
  hint?: InUseHint,
): Promise<Entrance> {
  const { engine, binder, free } = by, steering = steeringAt(at);
  if (!servesAlone(by)) {
    const bound = await listen(at, () => binder.bind(at, { shared: true, free }), hint);
    steering?.allowSharing();
    return { bound };
  }
  const listener = await listen(at, () => openEngine(engine).listen(at, { free }), hint);
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
  // All workers share one socket, so that each program has only one.
  return { bound: listening(at, binder.bind(at, { shared: true, joins: true, free })) };
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
  hint?: InUseHint,
): Promise<T> {
  let result = open();
  if ("failure" in result && result.failure === "in use") {
    result = await afterPredecessor(at.port, () => {
      const next = open();
      return "failure" in next && next.failure === "in use" ? undefined : next;
    }) ?? result;
  }
  const isInUse = "failure" in result && result.failure === "in use";
  return listening(at, result, isInUse ? await hint?.(at) : "");
}

function listening<T extends BoundSocket>(at: Endpoint, result: T | ListenFailure, hint = ""): T {
  if (!("failure" in result)) return result;
  const reason = bindMessage(result, { ...at, purpose: "local" });
  const text = withName(hint === "" ? reason : `${reason} (${hint})`);
  throw new UnavailableError(text, result.failure === "not local" ? "b" : "listen");
}
