/**
 * The event loop of the engine, one per isolate.
 *
 * While events arrive, it blocks the isolate in epoll_wait(2), which costs least. An eventfd
 * announces messages of the main isolate, which are received at once. After a while without events,
 * the isolate is free: it waits in another thread. runtime_turns.ts is about timers meanwhile.
 */

import { type Deferred, DeferredWork } from "./deferred.ts";
import { type BeforeWait, EventSet, type Slot } from "./event_set.ts";
import type { LoopOptions } from "./loop_options.ts";
import { RuntimeTurns } from "./runtime_turns.ts";
import { TimedLooks } from "./timed_looks.ts";
import { EPOLLET, EPOLLIN, EVENTFD_FLAGS } from "../system/constants.ts";
import type { Descriptors } from "../system/descriptors.ts";
import type { LibC } from "../system/libc.ts";

/** After this many milliseconds without an event, it waits in another thread, which costs more. */
const QUIET_MS = 100;
/** Longest such wait in milliseconds, because the end of the isolate waits for it. */
const ASIDE_MS = 10_000;
/** Microtasks that may follow each other after a promise was resolved. */
const MICROTASKS = 8;
/** Rounds of events after which {@link Loop.nextTurn} resolves, even if more have arrived. */
const TURN_ROUNDS = 4;

/** Only ends a wait. */
const NOTHING: Slot = { generation: 0, event() {}, bug() {} };

/** See the top of the file. */
export class Loop {
  readonly #c: LibC;
  readonly #options: LoopOptions;
  readonly #set: EventSet;
  readonly #runtime: RuntimeTurns;
  /** An eventfd that ends a wait in another thread. */
  readonly #wakeup: number;
  readonly #one = new Uint8Array(BigUint64Array.of(1n).buffer);
  /** Descriptors of the loop itself in the set. */
  readonly #ownSize: number;
  readonly #deferred = new DeferredWork((work, error) => this.#bug(work, error));
  readonly #beforeWait: BeforeWait[] = [];
  readonly #clocks: ((now: number) => void)[] = [];
  /** When the last wait ended, by `performance.now()`. */
  now = 0;
  #limitMs = Infinity;
  /** Receives messages after the events that arrived together with them. */
  readonly #messages: Deferred = {
    run: () => {
      // A message may resolve promises that the loop does not know.
      this.#hasResolved = true;
      this.hurry();
      this.#options.receive?.();
    },
    bug: (error) => this.#options.bug(error),
  };
  #turn: PromiseWithResolvers<void> | undefined;
  #hasResolved = false;
  #isAside = false;
  #isStopped = false;
  /** Drives it in an isolate that is shared; otherwise {@link run} does. */
  readonly #looks: TimedLooks | undefined;

  /** @throws {Error} If no descriptor is free. */
  constructor(c: LibC, descriptors: Descriptors, options: LoopOptions) {
    this.#c = c;
    this.#options = options;
    this.#set = new EventSet(c, descriptors, (where, error) => this.#bug(where, error));
    // Edge-triggered, it need not be read.
    this.#wakeup = descriptors.required(c.eventfd(0, EVENTFD_FLAGS));
    this.#set.add(this.#wakeup, NOTHING, EPOLLIN | EPOLLET);
    this.#runtime = new RuntimeTurns(c, (timeoutMs) => this.#waitAside(timeoutMs));
    if (options.wakeup !== undefined) {
      const woken: Slot = { generation: 0, event: () => this.#wokenUp(), bug: options.bug };
      this.#set.add(options.wakeup, woken, EPOLLIN | EPOLLET);
    }
    this.#ownSize = this.#set.size;
    if (!options.isShared) return;
    this.#looks = new TimedLooks({
      look: () => {
        this.#look(0);
        this.#resolveTurn();
      },
      isNeeded: () => this.#set.size > this.#ownSize || this.#hasWork,
    });
  }

  #wokenUp(): void {
    this.defer(this.#messages);
    for (const each of this.#beforeWait) each.wokenUp?.();
  }

  /** Whether it was stopped. */
  get isStopped(): boolean {
    return this.#isStopped;
  }

  /** See {@link EventSet.add}. */
  add(descriptor: number, slot: Slot, events: number): boolean {
    this.#looks?.start();
    return this.#set.add(descriptor, slot, events);
  }

  /** See {@link EventSet.remove}. */
  remove(descriptor: number): void {
    this.#set.remove(descriptor);
    this.#endLooks();
  }

  /** See {@link EventSet.forget}. */
  forget(descriptor: number): void {
    this.#set.forget(descriptor);
    this.#endLooks();
  }

  /** Runs something soon, after the current events. */
  defer(work: Deferred): void {
    this.#deferred.add(work);
    this.#wake();
  }

  /** Ends {@link defer}. */
  cancel(work: Deferred): void {
    this.#deferred.cancel(work);
  }

  /** A promise was resolved: what awaits it runs before the next wait. */
  resolved(): void {
    this.#hasResolved = true;
  }

  /** Something has perhaps started timers, which would be late. */
  hurry(): void {
    this.#runtime.hurry(this.now);
  }

  /** Calls something before each wait that may last. */
  onWait(call: BeforeWait): void {
    this.#beforeWait.push(call);
  }

  /** Ends {@link onWait}. */
  offWait(call: BeforeWait): void {
    const at = this.#beforeWait.indexOf(call);
    if (at >= 0) this.#beforeWait.splice(at, 1);
  }

  /** Limits the wait that {@link BeforeWait} announces, in milliseconds. */
  limitWait(ms: number): void {
    this.#limitMs = Math.min(ms, this.#limitMs);
  }

  /** See `Engine.beforeEvents()`. */
  beforeEvents(observe: (now: number) => void): void {
    this.#clocks.push(observe);
  }

  /** See `Engine.nextTurn()`. */
  nextTurn(): Promise<void> {
    this.#turn ??= Promise.withResolvers();
    this.#wake();
    return this.#turn.promise;
  }

  /**
   * Runs it, from the next microtask on; resolves when it was stopped.
   *
   * @throws {unknown} A bug in balance, after which nothing of this isolate works any more.
   */
  async run(): Promise<void> {
    if (this.#looks !== undefined) return;
    await undefined;
    try {
      await this.#runAlone();
    } finally {
      this.#set.close();
    }
  }

  /** Stops it, without another event. */
  stop(): void {
    this.#wake();
    this.#isStopped = true;
    this.#deferred.clear();
    this.#turn = undefined;
    this.#looks?.stop();
  }

  async #runAlone(): Promise<void> {
    let now = performance.now(), busyAt = now;
    while (!this.#isStopped) {
      const waitMs = this.#hasWork ? 0 : Math.min(QUIET_MS, this.#runtime.untilDue(now));
      const isBusy = this.#look(waitMs);
      if (this.#hasResolved) await this.#runMicrotasks();
      now = this.now;
      if (isBusy) busyAt = now;
      if (now - busyAt >= QUIET_MS && !this.#hasWork) {
        this.#beforeWaits(true);
        await this.#waitAside(ASIDE_MS);
        this.#runtime.taken();
        now = busyAt = performance.now();
      } else if (this.#runtime.isDue(now)) await this.#runtime.take(now);
      if (this.#turn !== undefined) await this.#endTurn();
    }
  }

  get #hasWork(): boolean {
    return !this.#deferred.isEmpty || this.#turn !== undefined;
  }

  /** Waits in this thread and dispatches; returns whether there was or is anything to do. */
  #look(timeoutMs: number): boolean {
    this.#limitMs = timeoutMs;
    this.#beforeWaits(false);
    const isLimited = this.#limitMs < timeoutMs, { waiting } = this.#options;
    if (this.#limitMs > 0) waiting?.(true);
    const count = this.#set.wait(this.#limitMs);
    waiting?.(false);
    this.#handle();
    return count > 0 || isLimited || !this.#deferred.isEmpty;
  }

  async #waitAside(timeoutMs: number): Promise<void> {
    this.#isAside = true;
    this.#options.waiting?.(true);
    await this.#set.waitAside(timeoutMs);
    this.#options.waiting?.(false);
    this.#isAside = false;
    if (this.#isStopped) return;
    this.#handle();
    if (this.#hasResolved) await this.#runMicrotasks();
  }

  /** Handles what the last wait has returned. */
  #handle(): void {
    this.now = performance.now();
    for (const observe of this.#clocks) {
      try {
        observe(this.now);
      } catch (error) {
        this.#options.bug(error);
      }
    }
    this.#set.dispatch();
    this.#deferred.run();
  }

  #beforeWaits(isQuiet: boolean): void {
    for (const each of this.#beforeWait) {
      try {
        each.beforeWait(isQuiet);
      } catch (error) {
        this.#options.bug(error);
      }
    }
  }

  async #endTurn(): Promise<void> {
    for (let round = 0; round < TURN_ROUNDS && this.#look(0); round++) {
      if (this.#hasResolved) await this.#runMicrotasks();
    }
    this.hurry();
    this.#resolveTurn();
    await this.#runMicrotasks();
  }

  #resolveTurn(): void {
    this.#turn?.resolve();
    this.#turn = undefined;
  }

  #bug(where: { bug(error: unknown): void }, error: unknown): void {
    try {
      where.bug(error);
    } catch (another) {
      this.#options.bug(another);
    }
  }

  /** Runs what awaits resolved promises, and may resolve more. */
  async #runMicrotasks(): Promise<void> {
    do {
      this.#hasResolved = false;
      for (let i = 0; i < MICROTASKS; i++) await undefined;
    } while (this.#hasResolved);
  }

  /** Ends a wait in another thread. */
  #wake(): void {
    // Once it was stopped, the number of the descriptor may belong to something else.
    if (this.#isAside && !this.#isStopped) this.#c.write(this.#wakeup, this.#one, 8n);
    this.#looks?.start();
  }

  #endLooks(): void {
    if (this.#looks?.endIfIdle()) this.#beforeWaits(true);
  }
}
