import type { Listener } from "../engine/engine.ts";
import { openEngine } from "../engine/engines.ts";
import type { Monitor } from "../connection/observe.ts";
import { type DataPlane, serveHere } from "./data_plane.ts";
import { startWorkers, type WorkerPoolOptions } from "./pool.ts";

/** What {@link startPlane} is given. */
export interface PlaneStart
  extends Pick<WorkerPoolOptions, "serving" | "table" | "messages" | "dump" | "backendEvent"> {
  readonly reports: NonNullable<WorkerPoolOptions["reports"]> & {
    readonly monitor: Monitor | undefined;
  };
}

/**
 * Serves in this isolate, or in workers if the table is made for several.
 *
 * @param listener Owned from now on. Workers listen themselves; then it only reserved the address.
 * @throws {UnavailableError} If a worker cannot listen.
 */
export async function startPlane(listener: Listener, start: PlaneStart): Promise<DataPlane> {
  const { workers } = start.table.size;
  if (workers === 1) {
    const { messages: { notice, debug }, reports, ...shared } = start;
    const engine = openEngine(start.serving.engine);
    return serveHere(listener, { ...shared, engine, notice, debug, monitor: reports.monitor });
  }
  try {
    return await startWorkers({ ...start, count: workers });
  } finally {
    listener.close();
  }
}
