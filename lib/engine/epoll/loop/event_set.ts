import { EPOLL_CLOEXEC, EPOLL_CTL_ADD, EPOLL_CTL_DEL } from "../system/constants.ts";
import type { Descriptors } from "../system/descriptors.ts";
import { type LibC, words } from "../system/libc.ts";

/** Events that one wait returns at most. */
const MAX_EVENTS = 256;
/** No address: null. */
const NONE = 0n;
/**
 * `struct epoll_event` in 32-bit numbers: its size, and where `data` starts. It is packed on x86-64
 * only (epoll_ctl(2)).
 */
const EVENT_SIZE = Deno.build.arch === "x86_64" ? 3 : 4;
const DESCRIPTOR_AT = Deno.build.arch === "x86_64" ? 1 : 2, GENERATION_AT = DESCRIPTOR_AT + 1;

/** Receives the events of a descriptor. */
export interface Slot {
  /** Set by {@link EventSet.add}. */
  generation: number;
  /** @param events Bits of `EPOLL…`. */
  event(events: number): void;
  /** {@link event} has thrown. */
  bug(error: unknown): void;
}

/** What is called before each wait, also while events arrive without a pause. */
export interface BeforeWait {
  /** @param isQuiet Nothing has happened for a while. */
  beforeWait(isQuiet: boolean): void;
  /** Another isolate has written the eventfd of this one. */
  wokenUp?(): void;
}

/** The watched descriptors of an isolate: epoll(7). */
export class EventSet {
  readonly #c: LibC;
  readonly #descriptors: Descriptors;
  readonly #descriptor: number;
  readonly #bug: (where: { bug(error: unknown): void }, error: unknown) => void;
  readonly #events = words(EVENT_SIZE * MAX_EVENTS);
  /** What another thread writes during a wait, even if this isolate has ended: from malloc(3). */
  #asideEvents = NONE;
  readonly #change = words(EVENT_SIZE);
  /** By descriptor. */
  readonly #slots: (Slot | undefined)[] = [];
  /** What the last wait has returned. */
  #count = 0;
  #size = 0;
  #generation = 0;
  #isClosed = false;

  /**
   * @param bug Receives what a slot has thrown.
   * @throws {Error} If no descriptor is free.
   */
  constructor(
    c: LibC,
    descriptors: Descriptors,
    bug: (where: { bug(error: unknown): void }, error: unknown) => void,
  ) {
    this.#c = c;
    this.#descriptors = descriptors;
    this.#bug = bug;
    this.#descriptor = descriptors.required(c.epoll_create1(EPOLL_CLOEXEC));
  }

  /** How many descriptors are watched. */
  get size(): number {
    return this.#size;
  }

  /**
   * Watches a descriptor.
   *
   * @param events Bits of `EPOLL…`.
   * @returns Whether it succeeded; the system limits how many are watched.
   */
  add(descriptor: number, slot: Slot, events: number): boolean {
    const generation = this.#generation = (this.#generation + 1) | 0;
    const { numbers, bytes } = this.#change;
    numbers[0] = events;
    numbers[DESCRIPTOR_AT] = descriptor;
    numbers[GENERATION_AT] = generation;
    if (this.#c.epoll_ctl(this.#descriptor, EPOLL_CTL_ADD, descriptor, bytes) < 0) return false;
    slot.generation = generation;
    this.#slots[descriptor] = slot;
    this.#size++;
    return true;
  }

  /** Watches a descriptor no longer. Call {@link forget} instead if it is closed anyway. */
  remove(descriptor: number): void {
    if (this.#isClosed) return;
    this.#c.epoll_ctl(this.#descriptor, EPOLL_CTL_DEL, descriptor, this.#change.bytes);
    this.forget(descriptor);
  }

  /** A descriptor is about to be closed. Its events that have arrived are dropped. */
  forget(descriptor: number): void {
    if (this.#slots[descriptor] === undefined) return;
    this.#slots[descriptor] = undefined;
    this.#size--;
  }

  /** Waits in this thread; returns how many events have arrived, for {@link dispatch}. */
  wait(timeoutMs: number): number {
    const { bytes } = this.#events;
    return this.#count = this.#c.epoll_wait(this.#descriptor, bytes, MAX_EVENTS, timeoutMs);
  }

  /**
   * Waits in another thread. Until it resolves, there must be no other wait.
   *
   * @throws {Error} If there is no memory.
   */
  async waitAside(timeoutMs: number): Promise<void> {
    const c = this.#c, { bytes } = this.#events;
    if (this.#asideEvents === NONE) this.#asideEvents = c.malloc(BigInt(bytes.length));
    const from = this.#asideEvents;
    if (from === NONE) throw new Error("no memory is free for the event loop");
    const count = await c.epoll_wait_aside(this.#descriptor, from, MAX_EVENTS, timeoutMs);
    if (count > 0) c.memcpy(bytes, from, BigInt(4 * EVENT_SIZE * count));
    this.#count = count;
  }

  /** Handles the events of the last wait. */
  dispatch(): void {
    const slots = this.#slots, events = this.#events.numbers, end = this.#count * EVENT_SIZE;
    for (let at = 0; at < end; at += EVENT_SIZE) {
      const slot = slots[events[at + DESCRIPTOR_AT]!];
      // It may have been closed since, and its number may be in use again.
      if (slot === undefined || slot.generation !== events[at + GENERATION_AT]) continue;
      try {
        slot.event(events[at]!);
      } catch (error) {
        this.#bug(slot, error);
      }
    }
  }

  /** Ends it. No wait may be running. */
  close(): void {
    this.#isClosed = true;
    this.#descriptors.close(this.#descriptor);
    this.#c.free(this.#asideEvents);
    this.#asideEvents = NONE;
  }
}
