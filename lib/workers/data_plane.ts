/** The part of the program that serves connections, in this isolate or in workers. */

import type { ConnectionInfo } from "../base/connection_info.ts";
import type { Reason } from "../base/reason.ts";
import { serve } from "../connection/accept_loop.ts";
import { Clock } from "../connection/clock.ts";
import type { ConnectionContext } from "../connection/context.ts";
import { type BurstNotices, oncePerBurst } from "../connection/once_per_burst.ts";
import type { Connections } from "../control/command.ts";
import type { Listener } from "../engine/engine.ts";
import type { PlaneDump } from "./dump_order.ts";

/** A running data plane. */
export interface DataPlane extends Connections {
  /** Stops accepting; resolves when new connections are refused. Open ones go on. */
  stop(): Promise<void>;
  /**
   * Replaces the current dump, or stops it. Open connections take part.
   *
   * @returns Resolves when no more records arrive for the previous dump.
   */
  setDump(dump: PlaneDump | undefined): Promise<void>;
  /** Closes all open connections, and stops accepting. */
  closeAll(): void;
  /** Resolves when it has stopped and the last connection has ended: how many were cut off. */
  readonly done: Promise<{ cutOff: number }>;
}

/** What {@link serveHere} is given. */
export interface PlaneOptions extends Omit<ConnectionContext, "clock" | "tap" | "shortage"> {
  /** Default: notices, once per burst. */
  readonly shortage?: BurstNotices | undefined;
  /** The dump at the start. */
  readonly dump?: PlaneDump | undefined;
  /** Connections that may be open at a time; default no limit. */
  readonly maxConnections?: number | undefined;
}

/**
 * Serves in this isolate.
 *
 * @param listener Owned from now on.
 * @param options What connections share.
 */
export function serveHere(listener: Listener, options: PlaneOptions): DataPlane {
  const { shortage = oncePerBurst(options.notice), maxConnections } = options;
  let taps = options.dump?.taps;
  const context = { ...options, shortage, clock: new Clock(), tap: () => taps };
  const serving = serve(listener, context, maxConnections);
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
      taps = dump?.taps;
      for (const connection of serving.connections) connection.setTap(taps);
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
