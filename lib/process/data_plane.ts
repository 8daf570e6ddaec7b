/** The part of the program that serves connections, as the rest of it sees it. */

import { Clock } from "../connection/clock.ts";
import type { ConnectionContext } from "../connection/connection.ts";
import { serve } from "../connection/serve.ts";
import type { Listener } from "../engine/engine.ts";

/** A running data plane. */
export interface DataPlane {
  /** Stops accepting; resolves when new connections are refused. Open ones go on. */
  stop(): Promise<void>;
  /** Ends all open connections. */
  closeAll(): void;
  /** Resolves when it has stopped and the last connection has ended: how many were cut off. */
  readonly done: Promise<{ cutOff: number }>;
}

/**
 * Serves in this very isolate.
 *
 * @param listener Owned from now on.
 * @param context What connections share.
 */
export function serveHere(
  listener: Listener,
  context: Omit<ConnectionContext, "clock">,
): DataPlane {
  const serving = serve(listener, { ...context, clock: new Clock() });
  let cutOff = 0;
  return {
    stop() {
      serving.stop();
      return Promise.resolve();
    },
    closeAll() {
      cutOff += serving.connections.size;
      for (const connection of serving.connections) connection.close("shutdown");
    },
    done: serving.done.then(() => ({ cutOff })),
  };
}
