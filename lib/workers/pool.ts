/** Workers that accept on the same port and share one table, so that limits and counters are exact. */
import { ClientLimits } from "../admission/client_limits.ts";
import type { AdmissionSetup } from "../admission/gate.ts";
import { messageOf, withName } from "../base/errors.ts";
import { type LimitedLines, limitedLines } from "../connection/limited_lines.ts";
import type { Selection } from "../control/commands/command.ts";
import { requestShutdown } from "../native/sockets.ts";
import type { WaitLine } from "../wait_line/wait_line.ts";
import {
  type DataPlane,
  type PlaneEnd,
  waitingOf,
  withOwner,
  type WorkerPoolOptions,
} from "./data_plane.ts";
import { DumpInbox } from "./dump_inbox.ts";
import type { PlaneDump } from "./dump_order.ts";
import { Isolate, openPeers, type Peers, Restarts, watchIsolates } from "./isolate.ts";
import { type LineKind, printers } from "./monitor.ts";
import type { FromWorker, ServingChange, ServingOptions, ToWorker } from "./protocol.ts";
import { newQuestions, steadily } from "./questions.ts";
import { changedServing, workerSetup } from "./serving_options.ts";

/**
 * Starts the workers. Resolves when all of them listen.
 *
 * A worker that dies takes its connections with it. That is reported, its claims in the table are
 * released, and another worker replaces it. With the epoll engine, it starts again in its isolate: a
 * new one could not open the C library. Once no isolate is left, the plane ends.
 *
 * @throws {ExitError} If one cannot start.
 */
export async function startWorkers(options: WorkerPoolOptions): Promise<DataPlane> {
  const pool = new WorkerPool(options);
  await pool.startAll();
  return pool;
}

class WorkerPool implements DataPlane {
  readonly #options: WorkerPoolOptions;
  readonly #isolates = new Map<number, Isolate>();
  readonly #isEpoll: boolean;
  readonly #peers: Peers | undefined;
  /** The workers that listen, or are about to. */
  readonly #listening = new Set<number>();
  readonly #questions = newQuestions(() => this.#isolates.values());
  readonly #inbox = new DumpInbox();
  readonly #print: Readonly<Record<LineKind, (line: string) => void>>;
  readonly #lines: LimitedLines;
  readonly #done = Promise.withResolvers<PlaneEnd>();
  readonly done = this.#done.promise;
  readonly #stopped = Promise.withResolvers<void>();
  /** The wait line, as this isolate uses it: it makes channels available, too. */
  readonly #line: WaitLine | undefined;
  readonly #restarts = new Restarts();
  #ending: Promise<unknown> = Promise.resolve();
  #unwatch: (() => void) | undefined;
  #dump: PlaneDump | undefined;
  /** How a worker that starts now serves. */
  #serving: ServingOptions;
  /** The socket that the main isolate has bound for all workers. */
  #descriptor: number | undefined;
  #stopping = false;
  #cutOff = 0;

  constructor(options: WorkerPoolOptions) {
    this.#options = options;
    this.#dump = options.dump;
    this.#serving = options.serving;
    const { count, table, messages: { notice }, serving } = options;
    this.#isEpoll = serving.engine === "epoll";
    if (this.#isEpoll) this.#peers = openPeers(count);
    this.#lines = limitedLines(notice, () => this.#serving.connection);
    this.#print = printers(options.messages, this.#lines);
    const wake = (worker: number) => this.#send(worker, { type: "deliver" });
    this.#line = waitingOf({ table, serving, wake })?.line;
    if (options.dump !== undefined) this.#inbox.add(options.dump);
  }

  async startAll(): Promise<void> {
    const { count, enter, admission } = this.#options;
    try {
      const isolates = Array.from({ length: count }, (_, index) => this.#newIsolate(index));
      await Promise.all(isolates.map((isolate) => this.#setUp(isolate)));
      this.#descriptor = await enter?.();
      if (admission !== undefined) this.#serving = { ...this.#serving, admission: admission() };
      await Promise.all(isolates.map((isolate) => this.#listenIn(isolate)));
    } catch (error) {
      this.#stopping = true;
      this.#restarts.cancel();
      for (const isolate of this.#isolates.values()) void isolate.end();
      this.#isolates.clear();
      throw error;
    }
    this.#unwatch = watchIsolates(this.#isolates, (isolate) => this.#lost(isolate));
  }

  stop(): Promise<void> {
    if (!this.#stopping) {
      this.#stopping = true;
      this.#restarts.cancel();
      for (const isolate of this.#isolates.values()) if (isolate.isDown) this.#gone(isolate);
      this.#sendAll({ type: "stop" });
      this.#settle();
    }
    return this.#stopped.promise;
  }

  async setDump(next: PlaneDump | undefined): Promise<void> {
    const before = this.#dump;
    this.#dump = next;
    if (next !== undefined) this.#inbox.add(next);
    await this.#questions.askAll({ type: "dump", order: next?.order });
    if (before !== undefined) this.#inbox.remove(before);
  }

  async countDumpFiles(value: boolean): Promise<void> {
    this.#serving = { ...this.#serving, dumpFiles: value };
    await this.#questions.askAll({ type: "dumpFiles", value });
  }

  async change(change: ServingChange): Promise<void> {
    this.#serving = changedServing(this.#serving, change);
    if (this.#line !== undefined) this.#line.hashFailover = change.connection.hashFailover;
    await this.#questions.askAll({ type: "change", change });
  }

  async setAdmission(setup: AdmissionSetup): Promise<void> {
    this.#serving = { ...this.#serving, admission: setup };
    await this.#questions.askAll({ type: "admission", setup });
  }

  closeAll(): void {
    this.#sendAll({ type: "closeAll" });
  }

  async connections() {
    const found = await steadily(
      this.#options.table,
      () => this.#questions.askAll({ type: "connections" }),
    );
    return found.flat().sort((a, b) => a.id - b.id);
  }

  async close(selection: Selection): Promise<number> {
    const one = withOwner(this.#options.table, selection);
    const counts = await this.#questions.askAll({ type: "close", selection: one });
    return counts.reduce((all, count) => all + count, 0);
  }

  #newIsolate(index: number): Isolate {
    const isolate: Isolate = new Isolate({
      index,
      make: this.#options.make,
      peers: this.#peers,
      receive: (message) => this.#receive(isolate, message),
      died: (message) => this.#died(isolate, message),
    });
    this.#isolates.set(index, isolate);
    return isolate;
  }

  #setUp(isolate: Isolate): Promise<void> {
    const now = { serving: this.#serving, dump: this.#dump };
    return isolate.start(workerSetup(isolate, { ...this.#options, ...now }));
  }

  async #listenIn(isolate: Isolate): Promise<void> {
    this.#listening.add(isolate.index);
    await isolate.listen({ descriptor: this.#descriptor, admission: this.#serving.admission });
  }

  async #restartIn(isolate: Isolate): Promise<void> {
    try {
      await this.#setUp(isolate);
      if (this.#stopping) return this.#gone(isolate);
      await this.#listenIn(isolate);
    } catch (error) {
      // One that cannot start again is restarted in turn.
      this.#died(isolate, messageOf(error).replace(withName(""), ""));
    }
  }

  #receive(isolate: Isolate, message: FromWorker): void {
    const { reports } = this.#options;
    switch (message.type) {
      case "notice":
      case "shortage":
      case "timedOut":
      case "refused":
      case "debug":
        return this.#print[message.type](message.line);
      case "stuck":
        return requestShutdown(message.sockets);
      case "answer":
        return this.#questions.answered(message);
      case "dumped": {
        const room = this.#inbox.take(isolate.index, message.batch);
        const { generation } = message.batch;
        return void isolate.postAfter(room, { type: "dumpTaken", generation });
      }
      case "logged":
        return void isolate.postAfter(reports?.log(message.lines), { type: "logTaken" });
      case "wake":
        return this.#send(message.worker, { type: "deliver" });
      case "backend":
        return this.#options.backendEvent(message.event);
      case "stopped":
        this.#listening.delete(isolate.index);
        return this.#settle();
      case "done":
        this.#cutOff += message.cutOff;
        return this.#gone(isolate);
    }
  }

  #died(isolate: Isolate, message: string): void {
    const { index } = isolate;
    if (this.#isolates.get(index) !== isolate || isolate.isDown) return;
    this.#release(index);
    const again = this.#stopping || (this.#isEpoll && isolate.isLost)
      ? ""
      : ` and is ${this.#isEpoll ? "restarted" : "replaced"}`;
    this.#options.messages.notice(`worker ${index} ended with an error${again}: ${message}`);
    if (again !== "" && this.#isEpoll) {
      isolate.isDown = true;
      return this.#restarts.plan(() => void this.#restartIn(isolate));
    }
    this.#gone(isolate);
    if (again !== "") this.#restarts.plan(() => void this.#restartIn(this.#newIsolate(index)));
  }

  /** An isolate has ended without a message. */
  #lost(isolate: Isolate): void {
    this.#release(isolate.index);
    this.#print.notice(`worker ${isolate.index} has ended unexpectedly`);
    this.#gone(isolate);
  }

  /** Gives back what the connections of a worker held. */
  #release(index: number): void {
    const { table, reports } = this.#options, { admission } = this.#serving;
    if (admission !== undefined) new ClientLimits(admission.limits).releaseWorker(index);
    this.#line?.releaseWorker(index);
    table.releaseWorker(index);
    reports?.releaseWorker(index);
    this.#inbox.died(index);
  }

  #gone(isolate: Isolate): void {
    if (this.#isolates.get(isolate.index) !== isolate) return;
    this.#ending = Promise.all([this.#ending, isolate.end()]);
    this.#isolates.delete(isolate.index);
    this.#listening.delete(isolate.index);
    this.#settle();
  }

  /**
   * After a stop, or if no worker is left: resolves `#stopped` when no worker listens, and `#done`
   * when none is left.
   */
  #settle(): void {
    const isLost = !this.#stopping && this.#isEpoll && this.#isolates.size === 0;
    if (!this.#stopping && !isLost) return;
    this.#stopping = true;
    if (this.#listening.size === 0) {
      this.#options.refuse?.();
      this.#stopped.resolve();
    }
    if (this.#isolates.size > 0) return;
    this.#unwatch?.();
    this.#lines.end();
    const cutOff = this.#cutOff, end = isLost ? { cutOff, isLost } : { cutOff };
    void this.#ending.then(() => {
      this.#peers?.close();
      this.#done.resolve(end);
    });
  }

  #send(index: number, message: ToWorker): void {
    this.#isolates.get(index)?.post(message);
  }

  #sendAll(message: ToWorker): void {
    for (const isolate of this.#isolates.values()) isolate.post(message);
  }
}
