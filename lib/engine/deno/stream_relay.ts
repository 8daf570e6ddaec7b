/**
 * The relay: two directions and one wait.
 *
 *     client --read--> buffer --write--> backend      (Pump "client")
 *     client <--write-- buffer <--read-- backend      (Pump "backend")
 *
 * A direction is a source over one connection and a sink over the other. Its first exchanges
 * are moved by calling source and sink directly; once it turns out to stream, the very same two
 * are joined by `ReadableStream.pipeTo`. `conn.readable` and `conn.writable` cannot be used:
 * both close the whole socket at the end of one direction (PLATFORM.md section 8).
 *
 * A direction that ends closes only the writing half of the other side. A side that was reset
 * is gone for both directions, so everything ends. A side that takes no more bytes may still
 * have sent some: they are delivered first.
 */

import type { Ending, Side } from "../../base/side.ts";
import {
  dropBuffer,
  giveBuffer,
  LARGEST_BYTES,
  mayTake,
  SMALLEST_BYTES,
  STREAM_BYTES,
  takeBuffer,
} from "./buffers.ts";
import type { ByteConn } from "./byte_conn.ts";
import type { Relay, RelayEnd, RelayObserver } from "../engine.ts";

/** Reads in a row that use less than a quarter of the buffer, before it shrinks. */
const SMALL_READS = 8;
/** Chunks are handed over one by one; nothing is read ahead of a slow writer. */
const NO_QUEUE = { highWaterMark: 0 };

/** A first read that began before the relay did, with the buffer it reads into. */
export interface FirstRead {
  readonly buffer: Uint8Array<ArrayBuffer>;
  readonly count: Promise<number | null>;
}

/** A connection and the one way to close it, harmless when closed already. */
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
  #running = 2;
  #closed = false;
  #first: RelayEnd | undefined;
  #refusing: Side | undefined;

  constructor(client: RelayLink, backend: RelayLink, observer: RelayObserver) {
    this.client = client;
    this.backend = backend;
    this.observer = observer;
    const { promise, resolve } = Promise.withResolvers<RelayEnd>();
    this.done = promise;
    this.#resolve = resolve;
  }

  close(): void {
    if (this.#closed) return;
    this.#first ??= { side: "client", how: "closed" };
    this.#teardown();
  }

  /** Whether both connections are closed, so that errors mean nothing any more. */
  get closed(): boolean {
    return this.#closed;
  }

  /** Whether only one direction is left. */
  get isLast(): boolean {
    return this.#running === 1;
  }

  /** The input from one side has ended; said by its pump. */
  inputEnded(side: Side, how: Ending): void {
    if (this.#closed) return;
    this.#first ??= { side, how };
    this.observer.ended?.(side, how);
  }

  /** A write to one side failed; what its own direction still brings is delivered first. */
  refused(side: Side): void {
    this.#refusing = side;
  }

  /**
   * How the input of a side that has come to its end has ended: the write that failed may have
   * taken the error of a reset, and reading then finds a plain end.
   */
  endingOf(side: Side): Ending {
    return this.#refusing === side ? "reset" : "end";
  }

  /** The connection of one side is gone altogether. */
  gone(side: Side): void {
    if (this.#closed) return;
    // A reset is passed on as one where the runtime can; elsewhere the other side sees an end.
    const other = side === "client" ? this.backend : this.client;
    if (this.#first?.how === "reset") other.conn.reset?.();
    this.#teardown();
  }

  /** A pump has stopped for good. */
  stopped(): void {
    if (--this.#running === 0) this.#teardown();
  }

  #teardown(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.backend.close();
    this.client.close();
    this.#resolve(this.#first ?? { side: "client", how: "end" });
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
  /** Bytes that were read last. */
  #count = 0;
  #smallReads = 0;

  constructor(side: Side, relay: StreamRelay, first: FirstRead | undefined) {
    this.#side = side;
    this.#relay = relay;
    [this.#from, this.#to] = side === "client"
      ? [relay.client.conn, relay.backend.conn]
      : [relay.backend.conn, relay.client.conn];
    this.#firstRead = first?.count;
    this.#buffer = first?.buffer ?? takeBuffer(relay.observer.chunkBytes ?? SMALLEST_BYTES);
  }

  /**
   * Moves everything until the end of input or an error.
   *
   * The first exchanges are callbacks, not an async function: what waits for the next chunk of
   * an idle connection is then a few words, and not a suspended frame.
   */
  readonly move = (): void => {
    if (this.#buffer.length >= STREAM_BYTES && this.#firstRead === undefined) void this.#pipe();
    else this.#receive().then(this.#received, this.#failed);
  };

  readonly #received = (count: number | null): void => {
    if (count === null) this.close().then(this.#stopped, this.#failed);
    else this.#send(count).then(this.#sent, this.#failed);
  };

  /** Mostly everything was written at once; a full socket takes a part. */
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
    // A failed write is noticed by the other pump too, which reads from that side: it delivers
    // what was sent before the failure, then meets the end or the error itself.
    dropBuffer(this.#buffer);
    if (this.#writing) this.#relay.refused(this.#side === "client" ? "backend" : "client");
    else {
      this.#relay.inputEnded(this.#side, "reset");
      this.#relay.gone(this.#side);
    }
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

  /** End of input: the other side gets to know by half-close. */
  async close(): Promise<void> {
    giveBuffer(this.#buffer);
    const how = this.#relay.endingOf(this.#side);
    this.#relay.inputEnded(this.#side, how);
    if (how === "reset") return this.#relay.gone(this.#side);
    // Behind the second end both sides are closed altogether.
    if (this.#relay.isLast) return;
    // It may be gone already, which its own direction notices.
    await this.#to.closeWrite().catch(() => {});
  }

  #receive(): Promise<number | null> {
    this.#writing = false;
    const first = this.#firstRead;
    if (first === undefined) return this.#from.read(this.#buffer);
    this.#firstRead = undefined;
    return first;
  }

  /** Shows and writes what was read last; some of it may be left. */
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

  /** Tells the observer, and fits the buffer to the traffic. */
  #delivered(): void {
    const { observer } = this.#relay;
    observer.moved(this.#side, this.#count);
    if (observer.chunkBytes === undefined) this.#fit(this.#count);
  }

  /** Doubles a buffer that was filled, shrinks one that is much too large for a while. */
  #fit(count: number): void {
    const size = this.#buffer.length;
    if (count === size) {
      this.#smallReads = 0;
      if (size < LARGEST_BYTES && mayTake(size * 2)) this.#resize(size * 2);
    } else if (size > SMALLEST_BYTES && count < size / 4) {
      if (++this.#smallReads >= SMALL_READS) {
        this.#smallReads = 0;
        this.#resize(Math.max(SMALLEST_BYTES, size / 4));
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
 * @param links The two connections, and a read from the client that is under way already.
 * @param observer Told what happens.
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
