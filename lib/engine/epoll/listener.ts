import type { Endpoint } from "../../base/endpoint.ts";
import type { AcceptedLink, AcceptFailure, Listener } from "../engine.ts";
import { ADDRESS_BYTES, compactIp, portOf } from "./system/addresses.ts";
import { EAGAIN, EINTR, EPOLLEXCLUSIVE, EPOLLIN, SOCKET_FLAGS } from "./system/constants.ts";
import { closeSocket, type Context } from "./context.ts";
import { acceptFailureOf } from "./system/errno.ts";
import { EpollLink } from "./link.ts";
import type { BeforeWait, Slot } from "./event_set.ts";

/** Accepts in a row before other events have their turn. */
const ACCEPTS = 64;
/**
 * A client that is left to another isolate is accepted after so many milliseconds, should that one
 * be too busy. Until then, this one looks for it again after some.
 */
const PATIENCE_MS = 10, LOOK_MS = 2;
/** Level-triggered. Of several isolates that wait, one is woken: epoll_ctl(2). */
const EVENTS = EPOLLIN | EPOLLEXCLUSIVE;
const CLOSED: AcceptFailure = { failure: "closed", reason: "Listener has been closed" };
/** Addresses that stand for all addresses of this host. */
const WILDCARDS: readonly string[] = ["0.0.0.0", "::"];

/**
 * A listening socket. It is watched only while somebody waits for a connection: one that nobody
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
  /** Since when it leaves clients to another isolate, by `performance.now()`; 0: it does not. */
  #leavesSince = 0;
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
    const { loop, share } = this.#context;
    share.setAccepting(true);
    const accepted = this.#accepts < ACCEPTS ? this.#take() : undefined;
    if (accepted !== undefined) {
      loop.resolved();
      return Promise.resolve(accepted);
    }
    if (this.#leavesSince === 0 && !this.#watch()) return Promise.resolve(NOT_WATCHED);
    return new Promise((resolve) => this.#waiting = resolve);
  }

  event(): void {
    this.#accepts = 0;
    if (this.#waiting === undefined) return;
    // Another isolate may have been faster.
    const accepted = this.#take();
    if (accepted !== undefined) this.#resolve(accepted);
  }

  #watch(): boolean {
    return this.#isWatched ||= this.#context.loop.add(this.#descriptor, this, EVENTS);
  }

  #unwatch(): void {
    if (this.#isWatched) this.#context.loop.remove(this.#descriptor);
    this.#isWatched = false;
  }

  /** Another isolate may have left a client to this one. */
  wokenUp(): void {
    this.event();
  }

  bug(error: unknown): void {
    throw error;
  }

  beforeWait(): void {
    const { loop, share } = this.#context;
    if (this.#waiting === undefined) {
      share.setAccepting(false);
      // A pause may end by a timer.
      loop.hurry();
      return this.#unwatch();
    }
    if (this.#leavesSince === 0) return;
    this.event();
    if (this.#waiting === undefined) loop.limitWait(0);
    else if (this.#leavesSince !== 0) loop.limitWait(LOOK_MS);
    else if (!this.#watch()) this.#resolve(NOT_WATCHED);
  }

  close(): void {
    const descriptor = this.#descriptor, { loop, share } = this.#context;
    if (descriptor < 0) return;
    this.#descriptor = -1;
    loop.offWait(this);
    share.setAccepting(false);
    if (this.#isOwned) closeSocket(this.#context, descriptor);
    else if (this.#isWatched) loop.remove(descriptor);
    this.#isWatched = false;
    this.#resolve(CLOSED);
  }

  #resolve(result: AcceptedLink | AcceptFailure): void {
    this.#waiting?.(result);
    this.#waiting = undefined;
    this.#context.loop.resolved();
  }

  /** Whether a client is left to an isolate that has fewer. */
  #leaves(): boolean {
    const { share, loop } = this.#context;
    if (share.isDue()) this.#leavesSince = 0;
    else if (this.#leavesSince === 0) {
      this.#leavesSince = loop.now;
      this.#unwatch();
      share.wakeLeast();
    } else if (loop.now - this.#leavesSince > PATIENCE_MS) this.#leavesSince = 0;
    return this.#leavesSince !== 0;
  }

  /** Accepts a connection; `undefined` if there is none for this isolate. */
  #take(): AcceptedLink | AcceptFailure | undefined {
    if (this.#leaves()) return undefined;
    const { c, errno, name, nameBytes, descriptors } = this.#context;
    for (;;) {
      nameBytes.numbers[0] = ADDRESS_BYTES;
      const descriptor = c.accept4(this.#descriptor, name, nameBytes.bytes, SOCKET_FLAGS);
      const error = descriptor < 0 ? errno() : 0;
      if (error === EAGAIN) return undefined;
      if (error === EINTR) continue;
      this.#accepts++;
      if (error !== 0) return acceptFailureOf(c, error);
      descriptors.opened(descriptor);
      this.#context.share.opened();
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
