/** The part of the program that serves connections, as the rest of it sees it. */

import type { ConnectionInfo } from "../base/connection_info.ts";
import { Clock } from "../connection/clock.ts";
import type { ConnectionContext } from "../connection/connection.ts";
import type { Reason } from "../base/reason.ts";
import { serve } from "../connection/accept_loop.ts";
import type { Connections } from "../control/command.ts";
import type { Listener } from "../engine/engine.ts";
import type { PlaneDump } from "./dump_order.ts";

/** A running data plane. */
export interface DataPlane extends Connections {
  /** Stops accepting; resolves when new connections are refused. Open ones go on. */
  stop(): Promise<void>;
  /**
   * Begins a dump in the place of the present one, or ends it; open connections take part.
   *
   * @returns Resolves when nothing comes for the dump that it was before.
   */
  setDump(dump: PlaneDump | undefined): Promise<void>;
  /** Ends all open connections, and accepting if it still goes on. */
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
  let tap = context.tap;
  const serving = serve(listener, {
    ...context,
    clock: new Clock(),
    get tap() {
      return tap;
    },
  });
  let cutOff = 0;

  function closeWhere(wanted: (info: ConnectionInfo) => boolean, reason: Reason): number {
    let closed = 0;
    for (const connection of serving.connections) {
      if (!wanted(connection.info())) continue;
      connection.close(reason);
      closed++;
    }
    return closed;
  }

  return {
    stop: () => serving.stop(),
    setDump(dump) {
      tap = dump?.taps;
      for (const connection of serving.connections) connection.setTap(tap);
      return Promise.resolve();
    },
    closeAll() {
      serving.stopNow();
      cutOff += closeWhere(() => true, "shutdown");
    },
    done: serving.done.then(() => ({ cutOff })),
    connections() {
      return Promise.resolve([...serving.connections].map((connection) => connection.info()));
    },
    close(selection) {
      const wanted = (info: ConnectionInfo) =>
        "id" in selection
          ? info.id === selection.id
          : info.group === selection.group && info.channel === selection.channel;
      return Promise.resolve(closeWhere(wanted, "closed by control"));
    },
  };
}
