import { EPOLL_CLOEXEC, EPOLL_CTL_ADD, EPOLL_CTL_DEL } from "./system/constants.ts";
import type { Descriptors } from "./system/descriptors.ts";
import { type LibC, words } from "./system/libc.ts";

/** Events that one wait returns at most. */
const MAX_EVENTS = 256;
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

/** What is called before each wait. */
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
  /** Another thread writes it during a wait. */
  readonly #asideEvents = words(EVENT_SIZE * MAX_EVENTS);
  readonly #change = words(EVENT_SIZE);
  /** By descriptor. */
  readonly #slots: (Slot | undefined)[] = [];
  /** What the last wait has returned. */
  #arrived = this.#events.numbers;
  #count = 0;
  #size = 0;
  #generation = 0;

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
    const { numbers, bytes } = this.#events;
    this.#arrived = numbers;
    return this.#count = this.#c.epoll_wait(this.#descriptor, bytes, MAX_EVENTS, timeoutMs);
  }

  /** Waits in another thread. Until it resolves, there must be no other wait. */
  async waitAside(timeoutMs: number): Promise<void> {
    const { numbers, bytes } = this.#asideEvents;
    const count = await this.#c.epoll_wait_aside(this.#descriptor, bytes, MAX_EVENTS, timeoutMs);
    this.#arrived = numbers;
    this.#count = count;
  }

  /** Handles the events of the last wait. */
  dispatch(): void {
    const slots = this.#slots, events = this.#arrived, end = this.#count * EVENT_SIZE;
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
    this.#descriptors.close(this.#descriptor);
  }
}
