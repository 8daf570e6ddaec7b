/**
 * The relay: two directions and one wait.
 *
 *     client --read--> buffer --write--> backend      (Pump "client")
 *     client <--write-- buffer <--read-- backend      (Pump "backend")
 *
 * A direction is a source over one connection and a sink over the other. Its first exchanges call
 * source and sink directly; once it streams, the same two are joined by `ReadableStream.pipeTo`.
 * `conn.readable` and `conn.writable` cannot be used: both close the whole socket when one direction
 * ends. How a relay ends is decided by relay_end.ts.
 */

import { otherSide, type Side } from "../../base/side.ts";
import type { Relay, RelayEnd, RelayObserver } from "../engine.ts";
import {
  closedByCaller,
  closeRelay,
  directionStopped,
  inputEnded,
  newRelayEnding,
  type NextStep,
  writeFailed,
} from "../relay_end.ts";
import {
  dropBuffer,
  firstBuffer,
  giveBuffer,
  MAX_BUFFER_BYTES,
  mayTake,
  minBufferBytes,
  STREAM_BYTES,
  takeBuffer,
} from "./buffers.ts";
import type { ByteConn } from "./byte_conn.ts";

/** A buffer shrinks after this many reads in a row that use less than a quarter of it. */
const SMALL_READS = 8;
/** Chunks are handed over one by one; nothing is read ahead of a slow writer. */
const NO_QUEUE = { highWaterMark: 0 };

/** A first read that was started before the relay, with its buffer. */
export interface FirstRead {
  readonly buffer: Uint8Array<ArrayBuffer>;
  readonly count: Promise<number | null>;
}

/** A connection and the one way to close it, which may be repeated. */
export interface RelayLink {
  readonly conn: ByteConn;
  close(): void;
}

/** See {@link Relay}; made by {@link startRelay}. */
class StreamRelay implements Relay {
  readonly client: RelayLink;
  readonly backend: RelayLink;
  readonly observer: RelayObserver;
  readonly done: Promise<RelayEnd>;
  readonly #resolve: (end: RelayEnd) => void;
  readonly #ending = newRelayEnding();

  constructor(client: RelayLink, backend: RelayLink, observer: RelayObserver) {
    this.client = client;
    this.backend = backend;
    this.observer = observer;
    const { promise, resolve } = Promise.withResolvers<RelayEnd>();
    this.done = promise;
    this.#resolve = resolve;
  }

  close(): void {
    if (closedByCaller(this.#ending)) this.#teardown();
  }

  /** The end of input from one side, reported by its pump; returns what follows, once per side. */
  inputEnded(side: Side, read: "end" | "reset"): NextStep | undefined {
    const ended = inputEnded(this.#ending, side, read);
    if (ended === undefined) return undefined;
    this.observer.ended?.(side, ended.how);
    if (ended.next === "reset") this[otherSide(side)].conn.reset?.();
    if (ended.next === "reset" || ended.next === "close") this.#teardown();
    return ended.next;
  }

  writeFailed(to: Side): void {
    writeFailed(this.#ending, to);
  }

  /** A pump has stopped for good. */
  stopped(): void {
    if (directionStopped(this.#ending)) this.#teardown();
  }

  #teardown(): void {
    // Closing may report an end from within, so the state changes first.
    if (this.#ending.closed) return;
    const end = closeRelay(this.#ending);
    this.backend.close();
    this.client.close();
    this.#resolve(end);
  }
}

/** One direction: source over `from`, sink over `to`, one buffer. */
class Pump implements UnderlyingDefaultSource<Uint8Array>, UnderlyingSink<Uint8Array> {
  readonly #side: Side;
  readonly #relay: StreamRelay;
  readonly #from: ByteConn;
  readonly #to: ByteConn;
  #buffer: Uint8Array<ArrayBuffer>;
  #firstRead: Promise<number | null> | undefined;
  #writing = false;
  /** Bytes of the last read. */
  #count = 0;
  #smallReads = 0;

  constructor(side: Side, relay: StreamRelay, first: FirstRead | undefined) {
    this.#side = side;
    this.#relay = relay;
    this.#from = relay[side].conn;
    this.#to = relay[otherSide(side)].conn;
    this.#firstRead = first?.count;
    this.#buffer = first?.buffer ?? firstBuffer(relay.observer.chunk !== undefined);
  }

  /**
   * Moves everything until the end of input or an error.
   *
   * The first exchanges are callbacks, not an async function: a pending read of an idle connection
   * then costs a few words instead of a suspended frame.
   */
  readonly move = (): void => {
    if (this.#buffer.length >= STREAM_BYTES && this.#firstRead === undefined) void this.#pipe();
    else this.#receive().then(this.#received, this.#failed);
  };

  readonly #received = (count: number | null): void => {
    if (count === null) this.close().then(this.#stopped, this.#failed);
    else this.#send(count).then(this.#sent, this.#failed);
  };

  /** Usually everything was written at once; a full socket takes a part. */
  readonly #sent = (written: number): void => {
    if (written < this.#count) {
      this.#writeRest(written).then(this.move, this.#failed);
    } else {
      this.#delivered();
      this.move();
    }
  };

  readonly #stopped = (): void => this.#relay.stopped();

  /** A read or a write failed. The buffer is dropped: something may still use it. */
  readonly #failed = (): void => {
    // The other pump reads from the side that a write failed to: it delivers what that side sent
    // before, then meets the end or the error itself.
    dropBuffer(this.#buffer);
    if (this.#writing) this.#relay.writeFailed(otherSide(this.#side));
    else this.#relay.inputEnded(this.#side, "reset");
    this.#stopped();
  };

  /** The rest goes through a pipe, over the same source and sink. */
  #pipe(): Promise<void> {
    return new ReadableStream(this, NO_QUEUE).pipeTo(new WritableStream(this))
      .then(this.#stopped, this.#failed);
  }

  /** The source, as `ReadableStream` calls it. */
  async pull(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    const count = await this.#receive();
    if (count === null) controller.close();
    else controller.enqueue(this.#buffer.subarray(0, count));
  }

  /** The sink, as `WritableStream` calls it: the chunk is what was read last. */
  async write(chunk: Uint8Array): Promise<void> {
    const written = await this.#send(chunk.length);
    if (written < this.#count) await this.#writeRest(written);
    else this.#delivered();
  }

  /** End of input. */
  async close(): Promise<void> {
    giveBuffer(this.#buffer);
    if (this.#relay.inputEnded(this.#side, "end") !== "half-close") return;
    // The other side may be gone already, which its own direction notices.
    await this.#to.closeWrite().catch(() => {});
  }

  #receive(): Promise<number | null> {
    this.#writing = false;
    const first = this.#firstRead;
    if (first === undefined) return this.#from.read(this.#buffer);
    this.#firstRead = undefined;
    return first;
  }

  /** Shows what was read last to the observer and writes it; some of it may be left. */
  #send(count: number): Promise<number> {
    this.#writing = true;
    this.#count = count;
    const bytes = this.#buffer.subarray(0, count);
    return this.#relay.observer.chunk === undefined
      ? this.#to.write(bytes)
      : this.#showAndWrite(bytes);
  }

  async #showAndWrite(bytes: Uint8Array): Promise<number> {
    await this.#relay.observer.chunk?.(this.#side, bytes);
    return await this.#to.write(bytes);
  }

  async #writeRest(written: number): Promise<void> {
    while (written < this.#count) {
      written += await this.#to.write(this.#buffer.subarray(written, this.#count));
    }
    this.#delivered();
  }

  /** Reports the last chunk as written, and fits the buffer to the traffic. */
  #delivered(): void {
    const { observer } = this.#relay;
    observer.moved(this.#side, this.#count);
    this.#fit(minBufferBytes(observer.chunk !== undefined));
  }

  /** Doubles a buffer that was filled; shrinks one that is much too large for a while. */
  #fit(min: number): void {
    const size = this.#buffer.length;
    if (size < min) this.#resize(min);
    else if (this.#count === size) {
      this.#smallReads = 0;
      if (size < MAX_BUFFER_BYTES && mayTake(size * 2)) this.#resize(size * 2);
    } else if (size > min && this.#count < size / 4) {
      if (++this.#smallReads >= SMALL_READS) {
        this.#smallReads = 0;
        this.#resize(Math.max(min, size / 4));
      }
    } else this.#smallReads = 0;
  }

  #resize(bytes: number): void {
    giveBuffer(this.#buffer);
    this.#buffer = takeBuffer(bytes);
  }
}

/**
 * Starts to move bytes between two connections, which it owns from now on.
 *
 * @param links The two connections, and a read from the client that is already pending.
 * @param observer Receives what happens.
 */
export function startRelay(
  links: { client: RelayLink; backend: RelayLink; first?: FirstRead | undefined },
  observer: RelayObserver,
): Relay {
  const relay = new StreamRelay(links.client, links.backend, observer);
  new Pump("client", relay, links.first).move();
  new Pump("backend", relay, undefined).move();
  return relay;
}
