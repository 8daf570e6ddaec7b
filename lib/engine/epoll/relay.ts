/**
 * The relay between a client and a backend: one direction per link, from which bytes are read.
 *
 *     client --read--> buffer --write--> backend
 *     client --splice--> pipe --splice--> backend      (much data, no observer of chunks)
 *
 * A direction moves bytes until a call would block or it has had its turn. What could not be written
 * is kept, at most one buffer or pipe per direction, and nothing more is read until it is written.
 * A call that returns -1 would block, unless the loop has reported that the socket is broken.
 */

import { NO_BYTES } from "../../base/bytes.ts";
import { DUMP_BLOCK_BYTES } from "../../base/limits.ts";
import type { Side } from "../../base/side.ts";
import type { Relay, RelayEnd, RelayObserver } from "../engine.ts";
import {
  closedByCaller,
  closeRelay,
  directionStopped,
  inputEnded,
  type RelayEnding,
  writeFailed,
} from "../relay_end.ts";
import { EPOLLERR, EPOLLHUP, EPOLLOUT, MSG_NOSIGNAL, SHUT_WR } from "./system/constants.ts";
import { BUFFER_BYTES, type Context } from "./context.ts";
import { resetOnClose } from "./system/sockets.ts";
import {
  BLOCKED,
  BROKEN,
  ENDED,
  type EpollLink,
  FIN_SEEN,
  HELD,
  type LinkOwner,
  PREFIXED,
  READABLE,
  RESET,
  SHUT,
  STOPPED,
  URGENT,
} from "./link.ts";
import type { Deferred } from "./loop/deferred.ts";
import { sendPrefixed } from "./prefix.ts";
import { fillPipe, noteReset, writePipe } from "./splice.ts";

/** Reads and writes of one direction before others have their turn. */
const ROUNDS = 16;
/** A direction is spliced after this many reads in a row of this many bytes. */
const FULL_READS = 3, FULL_BYTES = 16 << 10;
const BUFFER_SIZE = BigInt(BUFFER_BYTES), DUMP_BLOCK_SIZE = BigInt(DUMP_BLOCK_BYTES);
const NO_SIDES: readonly Side[] = [];

/** See the top of the file. It is the record of relay_end.ts as well, to save memory. */
export class EpollRelay implements Relay, RelayEnding, LinkOwner, Deferred {
  running = 2;
  closed = false;
  first: RelayEnd | undefined;
  refusing: Side | undefined;
  /** What is written to the backend first, if the client is {@link PREFIXED}. */
  prefix: Uint8Array | undefined;
  readonly #context: Context;
  readonly #client: EpollLink;
  readonly #backend: EpollLink;
  readonly #observer: RelayObserver;
  #isDeferred = false;

  /** Both links belong to it from now on. It starts with the next events. */
  constructor(
    context: Context,
    client: EpollLink,
    backend: EpollLink,
    observer: RelayObserver,
  ) {
    this.#context = context;
    this.#client = client;
    this.#backend = backend;
    this.#observer = observer;
    this.#adopt(client);
    this.#adopt(backend);
    // A client has usually sent something already, and a backend may have, together with the news
    // that it is connected.
    client.flags |= READABLE;
    this.#defer();
  }

  /** Sockets are closed at once. */
  get writingTo(): readonly Side[] {
    return NO_SIDES;
  }

  freed(): undefined {
    return undefined;
  }

  close(): void {
    if (closedByCaller(this)) this.#finish();
  }

  event(link: EpollLink, events: number): void {
    const peer = this.#peerOf(link);
    if (link.flags & BLOCKED && events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) {
      link.flags &= ~BLOCKED;
      this.#move(peer, link);
      if (this.closed) return;
    }
    // It was reset after the end of its input: what the peer still sends cannot be delivered.
    if ((link.flags & (RESET | STOPPED)) === (RESET | STOPPED)) {
      if (!(peer.flags & STOPPED)) this.#writeFailed(peer, link);
    } else if (link.flags & READABLE && !(peer.flags & BLOCKED)) this.#move(link, peer);
  }

  run(): void {
    this.#isDeferred = false;
    if (this.closed) return;
    const client = this.#client, backend = this.#backend;
    if (!(backend.flags & BLOCKED)) this.#move(client, backend);
    if (!this.closed && !(client.flags & BLOCKED)) this.#move(backend, client);
  }

  /** A bug in balance ends the relay. */
  bug(error: unknown): void {
    // The observer itself failed, when all was over.
    if (this.closed) throw error;
    closedByCaller(this);
    this.#finish(error);
  }

  #adopt(link: EpollLink): void {
    link.owner = this;
    // Without events, nothing would ever happen to it: counts as a reset.
    if (!link.watch()) link.flags |= ENDED | RESET;
  }

  #peerOf(link: EpollLink): EpollLink {
    return link === this.#client ? this.#backend : this.#client;
  }

  #sideOf(link: EpollLink): Side {
    return link === this.#client ? "client" : "backend";
  }

  #defer(): void {
    if (this.#isDeferred) return;
    this.#isDeferred = true;
    this.#context.loop.defer(this);
  }

  /** Moves bytes from one side to the other, whose output is not blocked. */
  #move(from: EpollLink, to: EpollLink): void {
    for (let round = 0; round < ROUNDS; round++) {
      if (from.flags & (STOPPED | HELD)) return;
      if (from.rest !== undefined || from.pipe !== undefined) {
        if (!this.#writeRest(from, to)) return;
      }
      if (from.flags & ENDED || !(from.flags & READABLE)) {
        if (from.flags & PREFIXED && !this.#writePrefixed(from, to)) return;
        return from.flags & ENDED ? this.#inputEnded(from, to) : from.dropRest();
      }
      const isSpliced = from.fullReads >= FULL_READS && this.#observer.chunk === undefined &&
        !(from.flags & URGENT) && fillPipe(this.#context, from);
      if (!isSpliced && !this.#copy(from, to)) return;
    }
    this.#defer();
  }

  /** Reads a chunk and writes it; returns whether to go on. */
  #copy(from: EpollLink, to: EpollLink): boolean {
    const { c, buffer } = this.#context, isObserved = this.#observer.chunk !== undefined;
    const size = isObserved ? DUMP_BLOCK_BYTES : BUFFER_BYTES;
    const count = c.recv(from.descriptor, buffer, isObserved ? DUMP_BLOCK_SIZE : BUFFER_SIZE, 0);
    if (count <= 0) {
      if (count < 0) noteReset(this.#context, from);
      from.flags &= ~READABLE;
      // Before the event of FIN, the end may be that of a reset, whose error a write has taken.
      if (from.flags & (count === 0 ? FIN_SEEN | BROKEN : BROKEN)) from.flags |= ENDED;
      return true;
    }
    from.fullReads = count >= FULL_BYTES ? from.fullReads + 1 : 0;
    if (count < size && !(from.flags & (URGENT | BROKEN))) {
      from.flags &= ~READABLE;
      if (from.flags & FIN_SEEN) from.flags |= ENDED;
    }
    if (isObserved && this.#show(from, count)) return false;
    if (from.flags & PREFIXED) return this.#writePrefixed(from, to, buffer.slice(0, count));
    const length = count === BUFFER_BYTES ? BUFFER_SIZE : BigInt(count);
    const written = c.send(to.descriptor, buffer, length, MSG_NOSIGNAL);
    if (written === count) return this.#moved(from, count);
    if (written < 0 && to.flags & BROKEN) return this.#writeFailed(from, to);
    to.flags |= BLOCKED;
    from.rest = buffer.slice(Math.max(written, 0), count);
    if (written > 0) this.#moved(from, written);
    return false;
  }

  /** Writes what was read before; returns whether all of it is written. */
  #writeRest(from: EpollLink, to: EpollLink): boolean {
    if (from.flags & PREFIXED) return this.#writePrefixed(from, to);
    const { rest } = from;
    if (rest !== undefined) {
      const size = BigInt(rest.length);
      const written = this.#context.c.send(to.descriptor, rest, size, MSG_NOSIGNAL);
      if (written < rest.length) {
        if (written < 0 && to.flags & BROKEN) return this.#writeFailed(from, to);
        to.flags |= BLOCKED;
        if (written <= 0) return false;
        from.rest = rest.subarray(written);
        this.#moved(from, written);
        return false;
      }
      from.rest = undefined;
      if (!this.#moved(from, written)) return false;
    }
    while (from.pipe !== undefined && from.pipe.filled > 0) {
      const written = writePipe(this.#context, from.pipe, to.descriptor);
      if (written <= 0) {
        if (to.flags & BROKEN) return this.#writeFailed(from, to);
        to.flags |= BLOCKED;
        return false;
      }
      if (!this.#moved(from, written)) return false;
    }
    return true;
  }

  /** Writes the prefix and first bytes; returns whether all of it is written. */
  #writePrefixed(from: EpollLink, to: EpollLink, bytes = from.rest ?? NO_BYTES): boolean {
    const moved = sendPrefixed(this.#context, this, { from, to, bytes });
    if (moved === undefined) return this.#writeFailed(from, to);
    return (moved === 0 || this.#moved(from, moved)) && !(to.flags & BLOCKED);
  }

  /** Returns whether to go on: the observer may close the relay. */
  #moved(from: EpollLink, bytes: number): boolean {
    this.#observer.moved(this.#sideOf(from), bytes);
    return !this.closed;
  }

  /** Shows the chunk in the buffer to the observer; returns whether it must not be written now. */
  #show(from: EpollLink, count: number): boolean {
    const { buffer } = this.#context;
    const shown = this.#observer.chunk?.(this.#sideOf(from), buffer.subarray(0, count));
    if (shown === undefined) return this.closed;
    from.rest = buffer.slice(0, count);
    from.flags |= HELD;
    shown.then(() => this.#release(from), (error) => this.#failed(error));
    return true;
  }

  #release(from: EpollLink): void {
    from.flags &= ~HELD;
    if (!this.closed) this.#defer();
  }

  #failed(error: unknown): void {
    if (!this.closed) this.bug(error);
  }

  /** All that came from one side is written, and no more will come. */
  #inputEnded(from: EpollLink, to: EpollLink): void {
    const side = this.#sideOf(from);
    const ended = inputEnded(this, side, from.flags & RESET ? "reset" : "end");
    if (ended === undefined) return;
    from.flags |= STOPPED;
    from.dropRest();
    this.#observer.ended?.(side, ended.how);
    if (this.closed) return;
    const { next } = ended;
    if (next === "reset") resetOnClose(this.#context, to.descriptor);
    if (next === "reset" || next === "close") return this.#finish();
    if (next === "half-close") {
      to.flags |= SHUT;
      this.#context.c.shutdown(to.descriptor, SHUT_WR);
    }
    if (directionStopped(this)) this.#finish();
  }

  /** A write failed: what that side still sends is delivered. Always returns false. */
  #writeFailed(from: EpollLink, to: EpollLink): boolean {
    writeFailed(this, this.#sideOf(to));
    from.flags |= STOPPED;
    from.dropRest();
    if (directionStopped(this)) this.#finish();
    else {
      to.flags |= READABLE;
      this.#defer();
    }
    return false;
  }

  #finish(bug?: unknown): void {
    if (this.closed) return;
    const end = closeRelay(this);
    if (this.#isDeferred) this.#context.loop.cancel(this);
    this.#backend.close();
    this.#client.close();
    if (this.#context.loop.isStopped) return;
    if (bug === undefined) this.#observer.finished(end);
    else this.#observer.finished(end, bug);
  }
}
