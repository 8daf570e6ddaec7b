import type { BoundSocket, Listener } from "../engine/engine.ts";
import { openEngine } from "../engine/engines.ts";
import type { EngineName } from "../engine/names.ts";
import type { Monitor } from "../connection/observe.ts";
import { type DataPlane, serveHere, type WorkerPoolOptions } from "./data_plane.ts";
import { startWorkers } from "./pool.ts";

/** What {@link startPlane} is given. */
export interface PlaneStart extends
  Pick<
    WorkerPoolOptions,
    "serving" | "table" | "messages" | "dump" | "backendEvent" | "admission" | "make"
  > {
  readonly reports: NonNullable<WorkerPoolOptions["reports"]> & {
    readonly monitor: Monitor | undefined;
  };
}

/** Where clients connect. */
export interface Entrance {
  /** The socket that is bound there; `undefined` if only the workers bind. */
  readonly bound: BoundSocket | undefined;
  /** The same socket, if this isolate accepts. */
  readonly listener?: Listener;
}

/** Whether this isolate accepts: with one worker, unless the engine blocks its isolate. */
export function servesAlone(
  { engine, workers }: { readonly engine: EngineName; readonly workers: number },
): boolean {
  return engine === "streams" && workers === 1;
}

/**
 * Serves in this isolate, or in workers.
 *
 * @param open Opens the entrance; called when everything else is ready. The entrance is owned from
 * then on. Without a descriptor, workers bind themselves; then it only reserved the address.
 * @throws {ExitError} If a worker cannot start.
 */
export async function startPlane(
  open: () => Entrance | Promise<Entrance>,
  start: PlaneStart,
): Promise<DataPlane> {
  const { engine } = start.serving, { workers: count } = start.table.size;
  if (servesAlone({ engine, workers: count })) return await startAlone(await open(), start);
  let bound: BoundSocket | undefined;
  async function enter(): Promise<number | undefined> {
    ({ bound } = await open());
    return bound?.descriptor;
  }
  try {
    // As long as a worker may accept, the clients in the backlog must not be reset.
    const refuse = () => bound?.close();
    const plane = await startWorkers({ ...start, count, enter, refuse });
    if (bound?.descriptor === undefined) bound?.close();
    return plane;
  } catch (error) {
    bound?.close();
    throw error;
  }
}

function startAlone({ listener }: Entrance, start: PlaneStart): Promise<DataPlane> {
  if (listener === undefined) throw new Error("nothing listens in this isolate");
  const { messages: { notice, debug }, reports, admission, ...shared } = start;
  const serving = { ...start.serving, ...admission && { admission: admission() } };
  const options = { ...shared, serving, notice, debug, monitor: reports.monitor };
  return Promise.resolve(
    serveHere(listener, { ...options, engine: openEngine(start.serving.engine) }),
  );
}
