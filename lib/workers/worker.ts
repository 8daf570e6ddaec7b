/** Entry of a worker: an isolate that accepts and serves on the port of the program. */

import { type MessagePort as NodePort, receiveMessageOnPort } from "node:worker_threads";
import { bugLine, ExitError, messageOf, UnavailableError, withName } from "../base/errors.ts";
import { oncePerBurst } from "../connection/once_per_burst.ts";
import { bindMessage } from "../engine/bind_message.ts";
import type { Engine, Listener } from "../engine/engine.ts";
import { openEngine } from "../engine/engines.ts";
import { threadId } from "../native/isolates.ts";
import { Table } from "../table/table.ts";
import { type LocalPlane, serveHere } from "./data_plane.ts";
import type { DumpOrder } from "./dump_order.ts";
import { WorkerDump } from "./dump_outbox.ts";
import { LogOutbox } from "./log_outbox.ts";
import { type LineKind, workerMonitor } from "./monitor.ts";
import type { Answers, FromWorker, Question, ToWorker, WorkerSetup } from "./protocol.ts";

/** The part of a worker's global scope that is used. */
interface Scope {
  onmessage: ((event: MessageEvent<ToWorker>) => void) | null;
  postMessage(message: FromWorker, transfer?: Transferable[]): void;
  close(): void;
}

/**
 * What was running in a worker that crashed has ended after this many milliseconds; the longest
 * pause is that of grace.ts. Until then it may still claim a channel.
 */
const SETTLE_MS = 100;

/** The answers of a worker that serves nothing, because it has crashed. */
const NOTHING: Answers = {
  dump: true,
  dumpFiles: true,
  change: true,
  admission: true,
  connections: [],
  close: 0,
};

/** A message to what serves. */
type ToServing = Exclude<ToWorker, { type: "start" | "listen" }>;

/** The data plane of this isolate, and what it sends. */
class Serving {
  readonly engine: Engine;
  readonly #plane: LocalPlane;
  readonly #log = new LogOutbox((lines) => this.#post({ type: "logged", lines }));
  #dump: WorkerDump | undefined;
  #isAbandoned = false;

  constructor(listener: Listener, engine: Engine, setup: WorkerSetup) {
    this.engine = engine;
    const { serving, index, monitor } = setup;
    const print = (type: LineKind) => (line: string) => this.#post({ type, line });
    this.#dump = this.#openDump(setup.dump);
    this.#plane = serveHere(listener, {
      serving,
      engine,
      table: new Table(setup.table, index),
      notice: print("notice"),
      shortage: oncePerBurst(print("shortage")),
      timedOut: print("timedOut"),
      refusedLine: print("refused"),
      requestShutdown: (sockets) => this.#post({ type: "stuck", sockets }),
      debug: setup.debug ? print("debug") : undefined,
      wake: (worker) => this.#post({ type: "wake", worker }),
      backendEvent: (event) => this.#post({ type: "backend", event }),
      dump: this.#dump,
      monitor: workerMonitor(monitor, { index, lines: this.#log }),
    });
    void this.#plane.done.then(({ cutOff }) => this.#done(cutOff));
  }

  receive(message: ToServing): void {
    switch (message.type) {
      case "question":
        return void this.#answer(message.question).then((answer) =>
          this.#post({ type: "answer", query: message.query, answer })
        );
      case "dumpTaken":
        if (message.generation === this.#dump?.order.generation) this.#dump.taken();
        return;
      case "logTaken":
        return this.#log.taken();
      case "deliver":
        return this.#plane.deliver();
      case "stop":
        return void this.#plane.stop().then(() => this.#post({ type: "stopped" }));
      case "closeAll":
        return this.#plane.closeAll();
    }
  }

  /** Sends the lines of connections that have ended. */
  flushLog(): void {
    this.#log.flush();
  }

  /** Closes everything. Sends nothing any more. May be called again. */
  abandon(): void {
    this.#isAbandoned = true;
    this.engine.abandon?.();
    this.#plane.abandon();
  }

  #post(message: FromWorker, transfer: Transferable[] = []): void {
    if (!this.#isAbandoned) scope.postMessage(message, transfer);
  }

  async #answer(question: Question): Promise<Answers[keyof Answers]> {
    switch (question.type) {
      case "dump":
        this.#setDump(question.order);
        return true;
      case "dumpFiles":
        await this.#plane.countDumpFiles(question.value);
        return true;
      case "change":
        await this.#plane.change(question.change);
        return true;
      case "admission":
        await this.#plane.setAdmission(question.setup);
        return true;
      case "connections":
        return await this.#plane.connections();
      case "close":
        return await this.#plane.close(question.selection);
    }
  }

  #openDump(order: DumpOrder | undefined): WorkerDump | undefined {
    return order && new WorkerDump(order, (batch, buffers) => {
      this.#post({ type: "dumped", batch }, buffers);
    });
  }

  /** Moves open connections to the new dump before the old one is stopped. */
  #setDump(order: DumpOrder | undefined): void {
    const before = this.#dump;
    this.#dump = this.#openDump(order);
    void this.#plane.setDump(this.#dump);
    before?.stop();
  }

  #done(cutOff: number): void {
    if (this.#isAbandoned) return;
    this.#dump?.stop();
    this.#log.flush();
    this.#post({ type: "done", cutOff });
    scope.close();
  }
}

const scope = self as unknown as Scope;
/** What serves; another one after a crash. */
let serving: Serving | undefined;
/** What is prepared and does not listen yet. */
let prepared: { readonly engine: Engine; readonly setup: WorkerSetup } | undefined;
/** The thread of this isolate, found out while the C library may be opened. */
let thread: number | undefined;
let isCrashed = false;
/** Whether it is started again in this isolate after a crash. Nothing serves meanwhile. */
let isRestarted = false;
/** Where messages arrive that the epoll engine asks for. */
let port: NodePort | undefined;

scope.onmessage = ({ data }) => {
  if (data.type !== "start") return receive(data);
  // A new one each time, so that messages from before a crash are dropped with the old one.
  port?.close();
  port = data.port as NodePort | undefined;
  start(data.setup);
};

function receive(message: Exclude<ToWorker, { type: "start" }>): void {
  if (message.type === "listen") listen(message);
  else if (serving !== undefined) serving.receive(message);
  else if (message.type === "question") {
    const { query, question } = message;
    scope.postMessage({ type: "answer", query, answer: NOTHING[question.type] });
  }
}

/** Receives what has arrived at the port, without a turn of the event loop. */
function receiveFromPort(): void {
  while (port !== undefined) {
    const received = receiveMessageOnPort(port);
    if (received === undefined) return;
    receive(received.message);
  }
}

addEventListener("error", (event) => crashed(event, event.error));
addEventListener("unhandledrejection", (event) => crashed(event, event.reason));

/**
 * An uncaught error ends what serves, and its connections. With an engine that can abandon them, it
 * is started again in this isolate, otherwise the isolate ends. The main isolate reports it in one
 * line.
 */
function crashed(event: Event, error: unknown): void {
  event.preventDefault();
  if (isCrashed) return;
  const dead = serving, message = messageOf(error);
  dead?.flushLog();
  if (dead?.engine.abandon === undefined) {
    scope.postMessage({ type: "crashed", message });
    if (!isRestarted) scope.close();
    return;
  }
  isCrashed = true;
  serving = undefined;
  setTimeout(() => {
    // Again: what was still running may have started its clock again.
    dead.abandon();
    isCrashed = false;
    scope.postMessage({ type: "crashed", message });
  }, SETTLE_MS);
  dead.abandon();
}

function start(setup: WorkerSetup): void {
  const { link, serving: { engine: name, maxPipes } } = setup;
  isRestarted = link !== undefined;
  if (isRestarted) thread ??= threadId();
  try {
    const bug = (error: unknown) => scope.postMessage({ type: "notice", line: bugLine(error) });
    const engine = openEngine(name, { ...link, receive: receiveFromPort, maxPipes, bug });
    prepared = { engine, setup };
  } catch (error) {
    return failed(error);
  }
  scope.postMessage({ type: "ready", thread });
}

function listen({ descriptor, admission }: ToWorker & { type: "listen" }): void {
  if (prepared === undefined) return;
  const { engine } = prepared, { serving: { at, free } } = prepared.setup;
  const setup = { ...prepared.setup, serving: { ...prepared.setup.serving, admission } };
  prepared = undefined;
  let placeholder: number | undefined;
  try {
    const listener = engine.listen(at, { shared: true, free, descriptor });
    if ("failure" in listener) {
      throw new UnavailableError(withName(bindMessage(listener, { ...at, purpose: "local" })));
    }
    placeholder = listener.placeholder;
    serving = new Serving(listener, engine, setup);
  } catch (error) {
    engine.abandon?.();
    return failed(error);
  }
  scope.postMessage({ type: "listening", placeholder });
}

function failed(error: unknown): void {
  if (!(error instanceof ExitError)) throw error;
  const { message, exitCode } = error;
  scope.postMessage({ type: "failed", message, exitCode });
}
