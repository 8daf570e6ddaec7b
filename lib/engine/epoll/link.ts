import type { Endpoint } from "../../base/endpoint.ts";
import type { AcceptedLink, Announced } from "../engine.ts";
import { ipText } from "./system/addresses.ts";
import {
  EPOLLERR,
  EPOLLET,
  EPOLLHUP,
  EPOLLIN,
  EPOLLOUT,
  EPOLLPRI,
  EPOLLRDHUP,
} from "./system/constants.ts";
import { closeSocket, type Context } from "./context.ts";
import { localOf, resetOnClose } from "./system/sockets.ts";
import type { Slot } from "./loop/event_set.ts";
import type { Pipe } from "./pipes.ts";

/** There may be something to read. */
export const READABLE = 1;
/** The peer has closed its output (FIN), which follows what is still to be read. */
export const FIN_SEEN = 2;
/** Nothing more can be read after what was read. */
export const ENDED = 4;
/** The peer has reset the connection. */
export const RESET = 8;
/** A call that fails does not fail because it would block: EPOLLERR or EPOLLHUP was seen. */
export const BROKEN = 16;
/** A write would block. */
export const BLOCKED = 32;
/** The output was closed. */
export const SHUT = 64;
/** Its input is no longer relayed. */
export const STOPPED = 128;
/** A chunk waits for the observer. */
export const HELD = 256;
/**
 * There was urgent data (tcp(7)), at which a read ends early: a read that returns less than was
 * asked for does not prove that there is no more.
 */
export const URGENT = 512;
/** Other bytes are written before its first ones. */
export const PREFIXED = 2048;
/** The loop watches it. */
const WATCHED = 1024;
/** See {@link EpollLink.local}. */
const UNKNOWN: Endpoint = { address: "0.0.0.0", port: 0 };
const EVENTS = EPOLLIN | EPOLLPRI | EPOLLOUT | EPOLLRDHUP | EPOLLET;

/** Receives the events of a link after its flags were updated. */
export interface LinkOwner {
  event(link: EpollLink, events: number): void;
  /** {@link event} has thrown. */
  bug(error: unknown): void;
}

/** A TCP connection. Its fields are for the engine; there is one for each idle connection. */
export class EpollLink implements AcceptedLink, Slot {
  generation = 0;
  /** The constants of this file. */
  flags = 0;
  /** Reads of much data in a row. */
  fullReads = 0;
  owner: LinkOwner | undefined;
  /** What was read from it and is not yet written to the other side. */
  rest: Uint8Array<ArrayBuffer> | undefined;
  /** What follows {@link rest} and was not copied to this process. */
  pipe: Pipe | undefined;
  announced: Announced | undefined;
  readonly #context: Context;
  #descriptor: number;
  /** See {@link ipText}; an endpoint if it was dialed. */
  readonly #ip: Endpoint | number | string;
  readonly #port: number;
  #local: Endpoint | undefined;

  /**
   * @param descriptor A connected socket, which it owns.
   * @param remote See `compactIp()`, or an endpoint, whose port counts.
   * @param local If it is known already.
   */
  constructor(
    context: Context,
    descriptor: number,
    { ip, port, local }: {
      ip: Endpoint | number | string;
      port: number;
      local: Endpoint | undefined;
    },
  ) {
    this.#context = context;
    this.#descriptor = descriptor;
    this.#ip = ip;
    this.#port = port;
    this.#local = local;
  }

  /** -1 after it was closed. */
  get descriptor(): number {
    return this.#descriptor;
  }

  get remote(): Endpoint {
    const ip = this.#ip;
    return typeof ip === "object" ? ip : { address: ipText(ip), port: this.#port };
  }

  /** See `Link.local`; of an accepted link that is closed it may be 0.0.0.0. */
  // `AcceptedLink` wants an endpoint.
  get local(): Endpoint {
    if (this.#local === undefined && this.#descriptor >= 0) {
      this.#local = localOf(this.#context, this.#descriptor);
    }
    return this.#local!;
  }

  /** Starts to receive events; returns whether that is possible. */
  watch(): boolean {
    if (this.flags & WATCHED) return true;
    if (!this.#context.loop.add(this.#descriptor, this, EVENTS)) return false;
    this.flags |= WATCHED;
    return true;
  }

  close(): void {
    const descriptor = this.#descriptor;
    if (descriptor < 0) return;
    this.#descriptor = -1;
    this.owner = undefined;
    this.dropRest();
    // An accepted link always has an address, but this one was not asked for in time.
    if (typeof this.#ip !== "object") {
      this.#local ??= UNKNOWN;
      this.#context.acceptBalance.closed();
    }
    closeSocket(this.#context, descriptor);
  }

  reset(): void {
    if (this.#descriptor >= 0) resetOnClose(this.#context, this.#descriptor);
    this.close();
  }

  /** Drops what was read and not written. */
  dropRest(): void {
    this.rest = undefined;
    if (this.pipe === undefined) return;
    this.#context.pipes.give(this.pipe);
    this.pipe = undefined;
  }

  event(events: number): void {
    let { flags } = this;
    if (events & EPOLLIN) flags |= READABLE;
    if (events & EPOLLPRI) flags |= URGENT;
    if (events & EPOLLRDHUP) flags |= READABLE | FIN_SEEN;
    if (events & (EPOLLERR | EPOLLHUP)) {
      flags |= READABLE | BROKEN;
      // Without EPOLLERR, both directions may have ended in order. If ours has not, it is a reset
      // whose error a failed call has taken.
      if (events & EPOLLERR || !(flags & SHUT)) flags |= RESET;
    }
    this.flags = flags;
    this.owner?.event(this, events);
  }

  bug(error: unknown): void {
    const { owner } = this;
    if (owner !== undefined) return owner.bug(error);
    this.close();
    throw error;
  }
}
