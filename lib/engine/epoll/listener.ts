import type { Endpoint } from "../../base/endpoint.ts";
import type { AcceptedLink, AcceptFailure, Listener } from "../engine.ts";
import { compactIp, portOf } from "./system/addresses.ts";
import { ADDRESS_BYTES } from "../../socket/addresses.ts";
import { SOCKET_FLAGS } from "../../socket/constants.ts";
import { EAGAIN, EINTR, EPOLLEXCLUSIVE, EPOLLIN } from "./system/constants.ts";
import { closeSocket, type Context } from "./context.ts";
import { acceptFailureOf } from "./system/errno.ts";
import { EpollLink } from "./link.ts";
import type { BeforeWait, Slot } from "./loop/event_set.ts";

/** Accepts in a row before other events have their turn. */
const ACCEPTS = 64;
/**
 * How long this isolate leaves the clients that wait to another one, in milliseconds. If that one
 * has not accepted them by then, it may be blocked: this one accepts all of them.
 */
const DEFER_MS = 10;
/** Milliseconds between two looks during that time. */
const LOOK_MS = 2;
/** Level-triggered. Of several isolates that wait, one is woken: epoll_ctl(2). */
const EVENTS = EPOLLIN | EPOLLEXCLUSIVE;
const CLOSED: AcceptFailure = { failure: "closed", reason: "Listener has been closed" };
/** Addresses that stand for all addresses of this host. */
const WILDCARDS: readonly string[] = ["0.0.0.0", "::"];

/**
 * A listening socket. It is watched only while `accept()` is pending: one that nobody
 * accepts would be reported again and again, and be kept from the other isolates.
 */
export class EpollListener implements Listener, Slot, BeforeWait {
  generation = 0;
  readonly local: Endpoint;
  readonly #context: Context;
  #descriptor: number;
  readonly #isOwned: boolean;
  #isWatched = false;
  #accepts = 0;
  /** Until when clients are left to another isolate, by `performance.now()`; 0 if they are not. */
  #defersUntil = 0;
  /** Whether it accepts all clients that wait now. */
  #acceptsAll = false;
  #waiting: ((result: AcceptedLink | AcceptFailure) => void) | undefined;

  /**
   * @param options `isOwned`: it closes the descriptor, which otherwise belongs to another isolate.
   */
  constructor(
    context: Context,
    descriptor: number,
    { local, isOwned }: { local: Endpoint; isOwned: boolean },
  ) {
    this.#context = context;
    this.#descriptor = descriptor;
    this.local = local;
    this.#isOwned = isOwned;
    context.loop.onWait(this);
  }

  /** Its descriptor; `undefined` after it was closed. */
  get descriptor(): number | undefined {
    return this.#descriptor < 0 ? undefined : this.#descriptor;
  }

  accept(): Promise<AcceptedLink | AcceptFailure> {
    if (this.#descriptor < 0) return Promise.resolve(CLOSED);
    const { loop, acceptBalance } = this.#context;
    acceptBalance.setAccepting(true);
    const accepted = this.#accepts < ACCEPTS && this.#mayAccept() ? this.#take() : undefined;
    if (accepted !== undefined) {
      loop.resolved();
      return Promise.resolve(accepted);
    }
    if (this.#defersUntil === 0 && !this.#watch()) return Promise.resolve(NOT_WATCHED);
    return new Promise((resolve) => this.#waiting = resolve);
  }

  /** Clients wait, unless another isolate was faster. */
  event(): void {
    this.#accepts = 0;
    if (this.#waiting === undefined) return;
    if (this.#mayAccept()) this.#acceptNext();
    else this.#defer();
  }

  /** Another isolate has deferred to this one, or the main isolate has sent a message. */
  wokenUp(): void {
    this.#accepts = 0;
    if (this.#waiting === undefined || !this.#mayAccept()) return;
    this.#defersUntil = 0;
    this.#acceptNext();
    this.#watchIfWaiting();
  }

  bug(error: unknown): void {
    throw error;
  }

  beforeWait(): void {
    const { loop, acceptBalance } = this.#context;
    if (this.#waiting === undefined) {
      acceptBalance.setAccepting(false);
      return this.#unwatch();
    }
    if (this.#defersUntil === 0) return;
    if (loop.now < this.#defersUntil) return loop.limitWait(LOOK_MS);
    this.#defersUntil = 0;
    this.#acceptsAll = true;
    this.#acceptNext();
    this.#watchIfWaiting();
    if (this.#waiting === undefined) loop.limitWait(0);
  }

  close(): void {
    const descriptor = this.#descriptor, { loop, acceptBalance } = this.#context;
    if (descriptor < 0) return;
    this.#descriptor = -1;
    loop.offWait(this);
    acceptBalance.setAccepting(false);
    if (this.#isOwned) closeSocket(this.#context, descriptor);
    else if (this.#isWatched) loop.remove(descriptor);
    this.#isWatched = false;
    this.#resolve(CLOSED);
  }

  #mayAccept(): boolean {
    return this.#acceptsAll || this.#context.acceptBalance.mayAccept();
  }

  /** Leaves the clients that wait to the isolate that has the fewest connections. */
  #defer(): void {
    const { loop, acceptBalance } = this.#context;
    this.#defersUntil = loop.now + DEFER_MS;
    this.#unwatch();
    acceptBalance.wakeIdlest();
  }

  #acceptNext(): void {
    const accepted = this.#take();
    if (accepted !== undefined) this.#resolve(accepted);
  }

  #watch(): boolean {
    return this.#isWatched ||= this.#context.loop.add(this.#descriptor, this, EVENTS);
  }

  #watchIfWaiting(): void {
    if (this.#waiting !== undefined && !this.#watch()) this.#resolve(NOT_WATCHED);
  }

  #unwatch(): void {
    if (this.#isWatched) this.#context.loop.remove(this.#descriptor);
    this.#isWatched = false;
  }

  #resolve(result: AcceptedLink | AcceptFailure): void {
    this.#waiting?.(result);
    this.#waiting = undefined;
    this.#context.loop.resolved();
  }

  /** Accepts a connection; `undefined` if there is none. */
  #take(): AcceptedLink | AcceptFailure | undefined {
    const { c, errno, name, nameBytes, descriptors } = this.#context;
    for (;;) {
      nameBytes.numbers[0] = ADDRESS_BYTES;
      const descriptor = c.accept4(this.#descriptor, name, nameBytes.bytes, SOCKET_FLAGS);
      const error = descriptor < 0 ? errno() : 0;
      if (error === EAGAIN) {
        this.#acceptsAll = false;
        return undefined;
      }
      if (error === EINTR) continue;
      this.#accepts++;
      if (error !== 0) return acceptFailureOf(c, error);
      descriptors.opened(descriptor);
      this.#context.acceptBalance.opened();
      const local = WILDCARDS.includes(this.local.address) ? undefined : this.local;
      return new EpollLink(this.#context, descriptor, {
        ip: compactIp(c, name),
        port: portOf(name),
        local,
      });
    }
  }
}

const NOT_WATCHED: AcceptFailure = {
  failure: "shortage",
  reason: "Too many descriptors are watched",
};
