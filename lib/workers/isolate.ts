import { delay } from "@std/async/delay";
import { EXIT, ExitError, UnavailableError, withName } from "../base/errors.ts";
import { bindMessage } from "../engine/bind_message.ts";
import { claimListener } from "../engine/engines.ts";
import { type IsolateLoads, NOT_ACCEPTING } from "../engine/isolate_loads.ts";
import { closeDescriptors, isThreadAlive, openWakeup } from "../native/isolates.ts";
import { processLimits } from "../native/process.ts";
import type { FromWorker, IsolateLink, ServingOptions, ToWorker, WorkerSetup } from "./protocol.ts";

/** Milliseconds that a worker may take to start. */
const START_MS = 30_000;
/** Maximum number of descriptors of an isolate that can be closed after its end; one byte each. */
const MAX_MAP_BYTES = 1 << 22;
/** Milliseconds that the thread of an isolate may take to end, and between two looks at it. */
const END_MS = 2000, LOOK_MS = 10;
/** Milliseconds between two looks whether the threads live. */
const WATCH_MS = 1000;

/** Milliseconds before a worker that died is restarted; doubled for each death in a row. */
const MIN_PAUSE_MS = 100, MAX_PAUSE_MS = 10_000;
/** Milliseconds without a death after which the pause is the minimum again. */
const HEALTHY_MS = 60_000;

/** What {@link Isolate} is made with. */
export interface IsolateOptions {
  /** Number of the worker. */
  readonly index: number;
  /** Makes it; the default runs worker.ts. */
  readonly make?: (() => Worker) | undefined;
  /** Given if it waits in system calls (the epoll engine): then it must be woken for messages. */
  readonly peers?: Peers | undefined;
  /** Receives what does not concern its start and its end. */
  readonly receive: (message: FromWorker) => void;
  /** An uncaught error has ended the worker after its start. */
  readonly died: (message: string) => void;
}

/** What isolates that wait in system calls know about each other; see {@link IsolateLoads}. */
export interface Peers extends Omit<IsolateLoads, "index"> {
  /** Wakes an isolate. */
  wake(index: number): void;
  /** Closes all eventfds, when no isolate is left: before, others may be about to write one. */
  close(): void;
}

/**
 * Opens the eventfds of isolates.
 *
 * @throws {ExitError} If no file descriptor is free.
 */
export function openPeers(count: number): Peers {
  const loads = new Int32Array(new SharedArrayBuffer(4 * count)).fill(NOT_ACCEPTING);
  const waits = new Uint8Array(new SharedArrayBuffer(count));
  const wakeups = Array.from({ length: count }, (_, index) => {
    const wakeup = openWakeup();
    if (wakeup === undefined) throw startError(index, "no file descriptor is free");
    return wakeup;
  });
  return {
    loads,
    waits,
    wakeups: wakeups.map(({ descriptor }) => descriptor),
    wake: (index) => wakeups[index]?.wake(),
    close: () => wakeups.forEach((wakeup) => wakeup.close()),
  };
}

/** The isolate of a worker, as the main isolate sees it. */
export class Isolate {
  readonly index: number;
  /** See {@link IsolateLink}; `undefined` unless it waits in system calls. */
  readonly link: IsolateLink | undefined;
  /** How often the worker was started in it: an answer to an earlier one is not sent. */
  starts = 0;
  /** Whether the worker has died, and will be started again in it. */
  isDown = false;
  /** Whether nothing can be started in it any more. */
  isLost = false;
  readonly #options: IsolateOptions;
  readonly #worker: Worker;
  /** Takes messages to an isolate that waits in system calls, after the start. */
  #port: MessagePort | undefined;
  #starting: PromiseWithResolvers<number | undefined> | undefined;
  #serving: ServingOptions | undefined;
  #thread: number | undefined;
  #missing = 0;

  constructor(options: IsolateOptions) {
    const { index, peers } = this.#options = options;
    this.index = index;
    if (peers !== undefined) {
      const { loads, waits, wakeups } = peers;
      const bytes = Math.min(processLimits().descriptors ?? Infinity, MAX_MAP_BYTES);
      const sockets = new Uint8Array(new SharedArrayBuffer(bytes));
      this.link = { wakeup: wakeups[index]!, sockets, loads: { index, loads, waits, wakeups } };
    }
    this.#worker = options.make?.() ?? newWorker(options.index);
    this.#worker.onerror = (event) => {
      // Otherwise an error in one isolate would end the whole program.
      event.preventDefault();
      this.isLost = true;
      this.#died(event.message);
    };
    this.#worker.onmessage = ({ data }: MessageEvent<FromWorker>) => this.#receive(data);
  }

  /**
   * Prepares the worker to serve. Resolves when it can listen.
   *
   * @throws {ExitError} If it cannot.
   */
  async start(setup: WorkerSetup): Promise<void> {
    this.#serving = setup.serving;
    this.starts++;
    this.isDown = false;
    const started = this.#started();
    if (this.link === undefined) this.post({ type: "start", setup });
    else {
      const { port1, port2: port } = new MessageChannel();
      this.#port?.close();
      this.#port = port1;
      this.#worker.postMessage({ type: "start", setup, port } satisfies ToWorker, [port]);
    }
    await started;
  }

  /**
   * Makes a worker that is prepared listen. Resolves when it does.
   *
   * @param descriptor The socket that the main isolate has bound; without it, the worker binds.
   * @throws {ExitError} If it cannot.
   */
  async listen(listen: Omit<ToWorker & { type: "listen" }, "type">): Promise<void> {
    const started = this.#started(), { descriptor } = listen;
    this.post({ type: "listen", ...listen });
    const placeholder = await started, serving = this.#serving;
    if (placeholder === undefined || serving === undefined) return;
    const { at } = serving;
    const failure = claimListener(placeholder, at, { descriptor });
    if (failure === undefined) return;
    throw new UnavailableError(withName(bindMessage(failure, { ...at, purpose: "local" })));
  }

  /** Resolves when the worker has taken the next step of its start, with its placeholder. */
  async #started(): Promise<number | undefined> {
    const starting = this.#starting = Promise.withResolvers<number | undefined>();
    const late = setTimeout(() => {
      this.isLost = true;
      this.#fail(startError(this.index, "it does not answer"));
    }, START_MS);
    return await starting.promise.finally(() => clearTimeout(late));
  }

  /** Sends a message, and wakes the isolate for it. */
  post(message: ToWorker): void {
    // While the worker is down, its isolate waits for messages as usual.
    const receiver = this.isDown ? this.#worker : this.#port ?? this.#worker;
    receiver.postMessage(message);
    this.#options.peers?.wake(this.index);
  }

  /** Sends a message when there is room again, unless the worker has died meanwhile. */
  async postAfter(room: Promise<void> | undefined, message: ToWorker): Promise<void> {
    const { starts } = this;
    await room;
    if (this.starts === starts) this.post(message);
  }

  /**
   * Whether its thread has ended, by two looks in a row: its last messages may arrive in between.
   * `false` if that is unknown.
   */
  looksDead(): boolean {
    const isMissing = this.#thread !== undefined && !isThreadAlive(this.#thread);
    this.#missing = isMissing ? this.#missing + 1 : 0;
    return this.#missing > 1;
  }

  /**
   * Ends it. Resolves when its thread has ended and no descriptor of it is open. Those of a thread
   * that does not end stay open: it may still use their numbers.
   */
  async end(): Promise<void> {
    this.starts = -1;
    this.#options.peers?.wake(this.index);
    this.#worker.terminate();
    this.#port?.close();
    if (this.link === undefined || this.#thread === undefined) return;
    const { loads: { loads }, sockets } = this.link, late = performance.now() + END_MS;
    loads[this.index] = NOT_ACCEPTING;
    while (isThreadAlive(this.#thread)) {
      if (performance.now() > late) return;
      // Its wait in another thread keeps it alive.
      this.#options.peers?.wake(this.index);
      await delay(LOOK_MS);
    }
    // Its last act may have been to accept.
    loads[this.index] = NOT_ACCEPTING;
    closeDescriptors(sockets);
  }

  #receive(message: FromWorker): void {
    switch (message.type) {
      case "ready":
        this.#thread = message.thread;
        return this.#proceed();
      case "listening":
        return this.#proceed(message.placeholder);
      case "failed":
        return this.#fail(new ExitError(message.message, message.exitCode));
      case "crashed":
        return this.#died(message.message);
      default:
        return this.#options.receive(message);
    }
  }

  #died(message: string): void {
    if (this.#starting === undefined) return this.#options.died(message);
    const line = withName(`worker ${this.index} ended at start: ${message}`);
    this.#fail(new UnavailableError(line));
  }

  #proceed(placeholder?: number): void {
    this.#starting?.resolve(placeholder);
    this.#starting = undefined;
  }

  #fail(error: ExitError): void {
    this.#starting?.reject(error);
    this.#starting = undefined;
  }
}

/**
 * Watches for isolates that end without a message.
 *
 * @param lost Called once for each; it removes the isolate.
 * @returns Ends the watch.
 */
export function watchIsolates(
  isolates: ReadonlyMap<number, Isolate>,
  lost: (isolate: Isolate) => void,
): () => void {
  if (![...isolates.values()].some(({ link }) => link !== undefined)) return () => {};
  const timer = setInterval(() => {
    for (const isolate of isolates.values()) if (isolate.looksDead()) lost(isolate);
  }, WATCH_MS);
  Deno.unrefTimer(timer);
  return () => clearInterval(timer);
}

/** Restarts workers, each after a pause. */
export class Restarts {
  readonly #timers = new Set<ReturnType<typeof setTimeout>>();
  #deathsInRow = 0;
  #lastDeath = -Infinity;

  /** A worker has died. @param restart Called after the pause. */
  plan(restart: () => void): void {
    if (performance.now() - this.#lastDeath > HEALTHY_MS) this.#deathsInRow = 0;
    this.#lastDeath = performance.now();
    const pause = Math.min(MIN_PAUSE_MS * 2 ** this.#deathsInRow++, MAX_PAUSE_MS);
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      restart();
    }, pause);
    this.#timers.add(timer);
  }

  /** Cancels all planned restarts. */
  cancel(): void {
    this.#timers.forEach(clearTimeout);
  }
}

function startError(index: number, reason: string): ExitError {
  return new ExitError(withName(`can't start worker ${index}: ${reason}`), EXIT.osErr);
}

function newWorker(index: number): Worker {
  return new Worker(new URL("./worker.ts", import.meta.url), { type: "module", name: `${index}` });
}
