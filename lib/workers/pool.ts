/**
 * Workers that accept on the same port and share one table: round robin, `maxc` and counters are
 * exact across all of them.
 */

import { UnavailableError, withName } from "../base/errors.ts";
import {
  type BurstNotices,
  type CountedNotices,
  countedPerBurst,
  oncePerBurst,
} from "../connection/once_per_burst.ts";
import { moreTimedOut } from "../connection/timeouts.ts";
import type { Selection } from "../control/commands/command.ts";
import { requestShutdown } from "../native/sockets.ts";
import type { BackendEvent } from "../schedule/verdict.ts";
import { WaitLine } from "../wait_line/wait_line.ts";
import type { Messages } from "../system/messages.ts";
import type { Table } from "../table/table.ts";
import type { DataPlane } from "./data_plane.ts";
import { DumpInbox } from "./dump_inbox.ts";
import type { PlaneDump } from "./dump_order.ts";
import type { DumpBatch } from "./dump_outbox.ts";
import type { WorkerReports } from "./monitor.ts";
import type { FromWorker, ServingOptions, ToWorker, WorkerSetup } from "./protocol.ts";
import { newQuestions } from "./questions.ts";

/** Milliseconds before a worker that died is replaced; doubled for each death in a row. */
const MIN_PAUSE_MS = 100, MAX_PAUSE_MS = 10_000;
/** Milliseconds without a death after which the pause is the minimum again. */
const HEALTHY_MS = 60_000;

/** What workers are started with. */
export interface WorkerPoolOptions {
  /** Number of workers, at least 1. */
  readonly count: number;
  readonly serving: ServingOptions;
  readonly table: Table;
  readonly messages: Messages;
  readonly reports?: WorkerReports | undefined;
  /** The dump at the start. */
  readonly dump?: PlaneDump | undefined;
  /** Something happened to a channel because of a connection. */
  readonly backendEvent: (event: BackendEvent) => void;
  /** Makes a worker; the default runs worker.ts. */
  readonly make?: (() => Worker) | undefined;
}

/**
 * Starts the workers. Resolves when all of them listen.
 *
 * A worker that dies takes its connections with it. That is reported, its claims in the table are
 * released, and another worker replaces it.
 *
 * @throws {UnavailableError} If one cannot listen.
 */
export async function startWorkers(options: WorkerPoolOptions): Promise<DataPlane> {
  const pool = new WorkerPool(options);
  await pool.startAll();
  return pool;
}

class WorkerPool implements DataPlane {
  readonly done: Promise<{ cutOff: number }>;
  readonly #options: WorkerPoolOptions;
  readonly #workers = new Map<number, Worker>();
  readonly #listening = new Set<number>();
  readonly #questions = newQuestions();
  readonly #inbox = new DumpInbox();
  readonly #shortage: BurstNotices;
  readonly #timeouts: CountedNotices;
  readonly #done = Promise.withResolvers<{ cutOff: number }>();
  readonly #stopped = Promise.withResolvers<void>();
  /** The wait line, as this isolate uses it: it makes channels available, too. */
  readonly #line: WaitLine | undefined;
  /** Timers of workers that are about to be replaced. */
  readonly #pauses = new Set<ReturnType<typeof setTimeout>>();
  #dump: PlaneDump | undefined;
  /** Of workers that start later. */
  #dumpFiles: boolean | undefined;
  /** Whether all workers were started once. */
  #started = false;
  #stopping = false;
  #cutOff = 0;
  #deathsInRow = 0;
  #lastDeath = -Infinity;

  constructor(options: WorkerPoolOptions) {
    this.#options = options;
    this.#dump = options.dump;
    this.#dumpFiles = options.serving.dumpFiles;
    const { messages: { notice }, serving: { connection } } = options;
    this.#shortage = oncePerBurst(notice);
    this.#timeouts = countedPerBurst(notice, (count) => moreTimedOut(connection, count));
    this.done = this.#done.promise;
    const { table, serving: { wait } } = options;
    if (wait !== undefined) {
      const { hashFailover } = connection;
      const wake = (worker: number) => this.#send(worker, { type: "deliver" });
      this.#line = new WaitLine({ table, handle: wait.line, hashFailover, wake });
    }
    if (options.dump !== undefined) this.#inbox.add(options.dump);
  }

  async startAll(): Promise<void> {
    const { count } = this.#options;
    try {
      await Promise.all(Array.from({ length: count }, (_, index) => this.#start(index)));
      this.#started = true;
    } catch (error) {
      this.#stopping = true;
      this.#pauses.forEach(clearTimeout);
      for (const worker of this.#workers.values()) worker.terminate();
      this.#workers.clear();
      throw error;
    }
  }

  stop(): Promise<void> {
    if (!this.#stopping) {
      this.#stopping = true;
      this.#pauses.forEach(clearTimeout);
      this.#sendAll({ type: "stop" });
      this.#settle();
    }
    return this.#stopped.promise;
  }

  async setDump(next: PlaneDump | undefined): Promise<void> {
    const before = this.#dump;
    this.#dump = next;
    if (next !== undefined) this.#inbox.add(next);
    await this.#questions.askAll(this.#workers.values(), { type: "dump", order: next?.order });
    if (before !== undefined) this.#inbox.remove(before);
  }

  async countDumpFiles(value: boolean): Promise<void> {
    this.#dumpFiles = value;
    await this.#questions.askAll(this.#workers.values(), { type: "dumpFiles", value });
  }

  closeAll(): void {
    this.#sendAll({ type: "closeAll" });
  }

  async connections() {
    const found = await this.#questions.askAll(this.#workers.values(), { type: "connections" });
    return found.flat().sort((a, b) => a.id - b.id);
  }

  async close(selection: Selection): Promise<number> {
    const question = { type: "close", selection } as const;
    const counts = await this.#questions.askAll(this.#workers.values(), question);
    return counts.reduce((all, count) => all + count, 0);
  }

  /** Starts a worker; resolves when it listens. */
  #start(index: number): Promise<void> {
    const started = Promise.withResolvers<void>();
    const worker = this.#options.make?.() ??
      new Worker(new URL("./worker.ts", import.meta.url), { type: "module", name: `${index}` });
    this.#workers.set(index, worker);
    this.#listening.add(index);
    const crashed = (message: string) => {
      this.#died(index, worker, message);
      started.reject(new UnavailableError(withName(`worker ${index} ended at start: ${message}`)));
    };
    worker.onerror = (event) => {
      // Otherwise an error in one isolate would end the whole program.
      event.preventDefault();
      crashed(event.message);
    };
    worker.onmessage = ({ data }: MessageEvent<FromWorker>) => {
      if (data.type === "listening") started.resolve();
      else if (data.type === "crashed") crashed(data.message);
      else if (data.type === "failed") {
        started.reject(new UnavailableError(withName(data.message)));
        // A replacement that cannot listen is replaced in turn.
        if (this.#started) this.#died(index, worker, data.message);
      } else this.#receive(index, worker, data);
    };
    worker.postMessage({ type: "start", setup: this.#setup(index) } satisfies ToWorker);
    return started.promise;
  }

  #setup(index: number): WorkerSetup {
    const { serving, table, messages, reports } = this.#options;
    return {
      index,
      serving: { ...serving, dumpFiles: this.#dumpFiles },
      table: table.handle,
      debug: messages.debug !== undefined,
      monitor: reports?.forWorkers ?? { log: undefined, stats: undefined },
      dump: this.#dump?.order,
    };
  }

  #receive(index: number, worker: Worker, message: FromWorker): void {
    const { messages } = this.#options;
    switch (message.type) {
      case "notice":
        return messages.notice(message.line);
      case "shortage":
        return this.#shortage.notice(message.line);
      case "timedOut":
        return this.#timeouts.notice(message.line);
      case "debug":
        return messages.debug?.(message.line);
      case "stuck":
        return requestShutdown(message.sockets);
      case "answer":
        return this.#questions.answered(message);
      case "dumped":
        return void this.#dumped(index, worker, message.batch);
      case "logged":
        return void this.#logged(index, worker, message.lines);
      case "wake":
        return this.#send(message.worker, { type: "deliver" });
      case "backend":
        return this.#options.backendEvent(message.event);
      case "stopped":
        this.#listening.delete(index);
        return this.#settle();
      case "done":
        this.#cutOff += message.cutOff;
        return this.#gone(index, worker);
    }
  }

  async #dumped(index: number, worker: Worker, batch: DumpBatch): Promise<void> {
    await this.#inbox.take(index, batch);
    if (this.#workers.get(index) !== worker) return;
    const { generation } = batch;
    worker.postMessage({ type: "dumpTaken", generation } satisfies ToWorker);
  }

  async #logged(index: number, worker: Worker, lines: readonly string[]): Promise<void> {
    await this.#options.reports?.log(lines);
    if (this.#workers.get(index) !== worker) return;
    worker.postMessage({ type: "logTaken" } satisfies ToWorker);
  }

  #died(index: number, worker: Worker, message: string): void {
    if (this.#workers.get(index) !== worker) return;
    const { table, reports, messages } = this.#options;
    worker.terminate();
    this.#line?.releaseWorker(index);
    table.releaseWorker(index);
    reports?.releaseWorker(index);
    this.#inbox.died(index);
    this.#gone(index, worker);
    const what = this.#stopping ? "" : " and is replaced";
    messages.notice(`worker ${index} ended with an error${what}: ${message}`);
    if (!this.#stopping) this.#replace(index);
  }

  /** Starts a replacement after a pause. */
  #replace(index: number): void {
    if (performance.now() - this.#lastDeath > HEALTHY_MS) this.#deathsInRow = 0;
    this.#lastDeath = performance.now();
    const pause = Math.min(MIN_PAUSE_MS * 2 ** this.#deathsInRow++, MAX_PAUSE_MS);
    const timer = setTimeout(() => {
      this.#pauses.delete(timer);
      // Its failure is reported by #died().
      this.#start(index).catch(() => {});
    }, pause);
    this.#pauses.add(timer);
  }

  #gone(index: number, worker: Worker): void {
    if (this.#workers.get(index) !== worker) return;
    this.#workers.delete(index);
    this.#listening.delete(index);
    this.#settle();
  }

  /** After `stop`: resolves `#stopped` when no worker listens, and `#done` when none is left. */
  #settle(): void {
    if (!this.#stopping) return;
    if (this.#listening.size === 0) this.#stopped.resolve();
    if (this.#workers.size > 0) return;
    this.#timeouts.end();
    this.#done.resolve({ cutOff: this.#cutOff });
  }

  #send(index: number, message: ToWorker): void {
    this.#workers.get(index)?.postMessage(message);
  }

  #sendAll(message: ToWorker): void {
    for (const worker of this.#workers.values()) worker.postMessage(message);
  }
}
