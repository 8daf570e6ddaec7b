import type { Endpoint } from "../base/endpoint.ts";
import type { ConnectionInfo } from "../base/connection_info.ts";
import { UnavailableError } from "../base/errors.ts";
import type { ConnectionOptions } from "../connection/connection.ts";
import { oncePerBurst } from "../connection/once_per_burst.ts";
import type { Table } from "../table/table.ts";
import type { Selection } from "../control/command.ts";
import type { DataPlane } from "./data_plane.ts";
import { DumpInbox } from "./dump_inbox.ts";
import type { PlaneDump } from "./dump_order.ts";
import type { Voice } from "../system/messages.ts";
import type { DumpBatch } from "./dump_outbox.ts";
import type { WorkerReports } from "./monitor.ts";
import type { FromWorker, ToWorker } from "./protocol.ts";

/** Milliseconds before a worker that died is replaced; doubled for each death in a row. */
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 10_000;
/** Milliseconds after which a death is no longer in a row with the one before. */
const HEALTHY_MS = 60_000;
/** Milliseconds that a worker may take to answer a question. */
const ANSWER_MS = 2000;

/** What workers are started with. */
export interface WorkerPoolOptions {
  /** How many, at least 1. */
  readonly count: number;
  readonly at: Endpoint;
  readonly table: Table;
  readonly options: ConnectionOptions;
  /** Where they say things. */
  readonly voice: Voice;
  /** Log and metrics. */
  readonly reports?: WorkerReports | undefined;
  /** What they dump from the beginning. */
  readonly dump?: PlaneDump | undefined;
  /** See `ConnectionContext`. */
  readonly chunkBytes?: number | undefined;
  readonly maxConnections?: number | undefined;
  /** Makes a worker; the default runs worker.ts. */
  readonly make?: (() => Worker) | undefined;
}

/**
 * Serves in several isolates that accept on the same port and share one table, so that round
 * robin, `maxc` and counters are exact over all of them.
 *
 * A worker that dies takes its connections with it: that is said, what it held in the table is
 * released, and another takes its place.
 *
 * @param pool What they are started with.
 * @returns When all of them listen.
 * @throws {UnavailableError} If one cannot listen.
 */
export async function startWorkers(pool: WorkerPoolOptions): Promise<DataPlane> {
  const { count } = pool;
  const { notice, debug, isStderr } = pool.voice;
  const workers = new Map<number, Worker>();
  const pauses = new Set<ReturnType<typeof setTimeout>>();
  const done = Promise.withResolvers<{ cutOff: number }>();
  const stopped = Promise.withResolvers<void>();
  let deaths = 0, lastDeath = -Infinity, stopping = false, cutOff = 0, running = 0;
  const stillListening = new Set<number>();
  const queries = new Map<number, (answer: unknown) => void>();
  let lastQuery = 0;
  let dump = pool.dump;
  const inbox = new DumpInbox();
  const shortage = oncePerBurst(notice);
  if (dump !== undefined) inbox.add(dump);

  /** Asks every worker; one that does not answer in time, because it died, counts as nothing. */
  async function askAll<T>(
    question:
      | { type: "connections" }
      | { type: "close"; selection: Selection }
      | { type: "dump"; order: PlaneDump["order"] | undefined },
  ): Promise<T[]> {
    const answers = await Promise.all([...workers.values()].map((worker) => {
      const query = ++lastQuery;
      return new Promise<T | undefined>((resolve) => {
        const timer = setTimeout(() => resolve(undefined), ANSWER_MS);
        queries.set(query, (answer) => {
          clearTimeout(timer);
          resolve(answer as T);
        });
        send(worker, { ...question, query });
      }).finally(() => queries.delete(query));
    }));
    return answers.filter((answer) => answer !== undefined);
  }

  async function dumped(
    { index, worker }: { index: number; worker: Worker },
    batch: DumpBatch,
  ): Promise<void> {
    await inbox.take(index, batch);
    if (workers.get(index) !== worker) return;
    send(worker, { type: "dumpTaken", generation: batch.generation });
  }

  function start(index: number): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const worker = pool.make?.() ??
      new Worker(new URL("./worker.ts", import.meta.url), { type: "module", name: `${index}` });
    workers.set(index, worker);
    stillListening.add(index);
    running++;
    function crashed(message: string): void {
      died(index, worker, message);
      reject(new UnavailableError(`balance: worker ${index} ended at start: ${message}`));
    }
    worker.onerror = (event) => {
      // Otherwise the error of one isolate ends the whole program.
      event.preventDefault();
      crashed(event.message);
    };
    worker.onmessage = ({ data }: MessageEvent<FromWorker>) => {
      switch (data.type) {
        case "listening":
          return resolve();
        case "failed":
          return reject(new UnavailableError(`balance: can't bind local address: ${data.message}`));
        case "crashed":
          return crashed(data.message);
        case "notice":
          return notice(data.line);
        case "shortage":
          return shortage.say(data.line);
        case "debug":
          return debug?.(data.line);
        case "log":
          return pool.reports?.log(data.line);
        case "connections":
          return queries.get(data.query)?.(data.connections);
        case "dumpSet":
          return queries.get(data.query)?.(true);
        case "dumped":
          return void dumped({ index, worker }, data.batch);
        case "closed":
          return queries.get(data.query)?.(data.count);
        case "stopped":
          return noLongerListening(index);
        case "done":
          cutOff += data.cutOff;
          return gone(index, worker);
      }
    };
    send(worker, {
      type: "start",
      index,
      at: pool.at,
      table: pool.table.handle,
      options: pool.options,
      debug: debug !== undefined,
      isStderr,
      monitor: pool.reports?.forWorkers ?? { log: undefined, stats: undefined },
      dump: dump?.order,
      chunkBytes: pool.chunkBytes,
      maxConnections: pool.maxConnections,
    });
    return promise;
  }

  function died(index: number, worker: Worker, message: string): void {
    if (workers.get(index) !== worker) return;
    worker.terminate();
    pool.table.releaseWorker(index);
    pool.reports?.releaseWorker(index);
    inbox.died(index);
    gone(index, worker);
    if (stopping) return notice(`worker ${index} ended with an error: ${message}`);
    if (performance.now() - lastDeath > HEALTHY_MS) deaths = 0;
    lastDeath = performance.now();
    const pause = Math.min(FIRST_PAUSE_MS * 2 ** deaths++, LONGEST_PAUSE_MS);
    notice(`worker ${index} ended with an error and is replaced: ${message}`);
    const timer = setTimeout(() => {
      pauses.delete(timer);
      start(index).catch((error) => notice(error.message));
    }, pause);
    pauses.add(timer);
  }

  function gone(index: number, worker: Worker): void {
    if (workers.get(index) !== worker) return;
    workers.delete(index);
    running--;
    noLongerListening(index);
    if (stopping && running === 0) done.resolve({ cutOff });
  }

  function noLongerListening(index: number): void {
    stillListening.delete(index);
    if (stopping && stillListening.size === 0) stopped.resolve();
  }

  function terminate(): void {
    for (const worker of workers.values()) worker.terminate();
    workers.clear();
  }

  try {
    await Promise.all(Array.from({ length: count }, (_, index) => start(index)));
  } catch (error) {
    stopping = true;
    pauses.forEach(clearTimeout);
    terminate();
    throw error;
  }
  return {
    stop() {
      if (!stopping) {
        stopping = true;
        pauses.forEach(clearTimeout);
        for (const worker of workers.values()) send(worker, { type: "stop" });
        if (running === 0) {
          stopped.resolve();
          done.resolve({ cutOff });
        }
      }
      return stopped.promise;
    },
    async setDump(next) {
      const before = dump;
      dump = next;
      if (next !== undefined) inbox.add(next);
      await askAll({ type: "dump", order: next?.order });
      if (before !== undefined) inbox.remove(before);
    },
    closeAll() {
      for (const worker of workers.values()) send(worker, { type: "closeAll" });
    },
    done: done.promise,
    async connections() {
      const found = (await askAll<ConnectionInfo[]>({ type: "connections" })).flat();
      return found.sort((a, b) => a.id - b.id);
    },
    async close(selection) {
      const counts = await askAll<number>({ type: "close", selection });
      return counts.reduce((all, count) => all + count, 0);
    },
  };
}

function send(worker: Worker, message: ToWorker): void {
  worker.postMessage(message);
}
