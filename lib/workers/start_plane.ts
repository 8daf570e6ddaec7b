import type { BoundSocket, Listener } from "../engine/engine.ts";
import { openEngine } from "../engine/engines.ts";
import type { Monitor } from "../connection/observe.ts";
import { type DataPlane, serveHere } from "./data_plane.ts";
import { startWorkers, type WorkerPoolOptions } from "./pool.ts";

/** What {@link startPlane} is given. */
export interface PlaneStart
  extends
    Pick<WorkerPoolOptions, "serving" | "table" | "messages" | "dump" | "backendEvent" | "make"> {
  readonly reports: NonNullable<WorkerPoolOptions["reports"]> & {
    readonly monitor: Monitor | undefined;
  };
}

/** Where clients connect. */
export interface Entrance {
  readonly bound: BoundSocket;
  /** The same socket, if this isolate accepts. */
  readonly listener?: Listener;
}

/**
 * Serves in this isolate, or in workers.
 *
 * @param entrance Owned from now on. Without a descriptor, workers bind themselves; then it only
 * reserved the address.
 * @throws {ExitError} If a worker cannot start.
 */
export async function startPlane(entrance: Entrance, start: PlaneStart): Promise<DataPlane> {
  const { bound, listener } = entrance, close = () => bound.close(), { descriptor } = bound;
  if (listener !== undefined) {
    const { messages: { notice, debug }, reports, ...shared } = start;
    const options = { ...shared, notice, debug, monitor: reports.monitor };
    return serveHere(listener, { ...options, engine: openEngine(start.serving.engine) });
  }
  const serving = { ...start.serving, listener: descriptor }, count = start.table.size.workers;
  try {
    // As long as a worker may accept, the clients in the backlog must not be reset.
    const refuse = descriptor === undefined ? undefined : close;
    const plane = await startWorkers({ ...start, serving, count, refuse });
    if (descriptor === undefined) close();
    return plane;
  } catch (error) {
    close();
    throw error;
  }
}
