/** Makes workers of the program, of which the first one dies. */
export interface WorkerMaker {
  /** How many workers it has made. */
  readonly made: number;
  /** Makes a worker, for `startWorkers()`. */
  make(): Worker;
}

/**
 * The first worker holds two connections of the first channel, and dies as soon as the program knows
 * that it listens. All others are those of the program.
 */
export function firstWorkerDies(): WorkerMaker {
  let made = 0;
  return {
    get made() {
      return made;
    },
    make: () => made++ === 0 ? dyingWorker() : workerOf("../../../lib/workers/worker.ts"),
  };
}

function dyingWorker(): Worker {
  const worker = workerOf("./dying_worker.ts");
  worker.addEventListener("message", ({ data }) => {
    if (data.type === "listening") worker.postMessage("die");
  });
  return worker;
}

function workerOf(path: string): Worker {
  return new Worker(new URL(path, import.meta.url), { type: "module" });
}
