/**
 * The relay between a client and a backend: one pump with one buffer per direction.
 *
 *     client --read--> buffer --write--> backend      (Pump "client")
 *     client <--write-- buffer <--read-- backend      (Pump "backend")
 *
 * A pump starts with plain reads and writes, because streams would cost each idle connection
 * memory. Once its buffer has grown to `STREAM_BYTES`, it moves the rest with
 * `ReadableStream.pipeTo`, over a source and a sink that call the same reads and writes.
 * `conn.readable` and `conn.writable` cannot be used: both close the whole socket when one direction
 * ends, so there would be no half-close. relay_end.ts decides how a relay ends.
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

/** A buffer shrinks after this many consecutive reads that fill less than a quarter of it. */
const SMALL_READS = 8;
/** The source reads only when the sink is ready: back-pressure without a queue. */
const NO_QUEUE = { highWaterMark: 0 };

/** A read from the client that was started during the dial, with its buffer. */
export interface FirstRead {
  readonly buffer: Uint8Array<ArrayBuffer>;
  readonly count: Promise<number | null>;
}

/** One side of a relay. */
export interface RelayLink {
  readonly conn: ByteConn;
  /** Closes `conn`. Idempotent. */
  close(): void;
}

class StreamRelay implements Relay {
  readonly #ending = newRelayEnding();
  #resolve!: (end: RelayEnd) => void;
  readonly done = new Promise<RelayEnd>((resolve) => this.#resolve = resolve);
  /** Set by {@link startRelay}. */
  pumps: readonly Pump[] = [];
  #freed: (() => void) | undefined;

  constructor(
    readonly client: RelayLink,
    readonly backend: RelayLink,
    readonly observer: RelayObserver,
  ) {}

  close(): void {
    if (closedByCaller(this.#ending)) this.#teardown();
  }

  /** The input from one side has ended. On `"half-close"`, the calling pump closes its output. */
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

  get writingTo(): readonly Side[] {
    return this.pumps.filter(({ writing }) => writing).map(({ side }) => otherSide(side));
  }

  freed(): Promise<void> | undefined {
    if (this.writingTo.length === 0) return undefined;
    return new Promise((resolve) => this.#freed = resolve);
  }

  /** A pump has stopped. */
  stopped(): void {
    if (directionStopped(this.#ending)) this.#teardown();
    if (this.#freed !== undefined && this.writingTo.length === 0) this.#freed();
  }

  #teardown(): void {
    // `close` may call back into this relay, so its state changes first.
    if (this.#ending.closed) return;
    const end = closeRelay(this.#ending);
    this.backend.close();
    this.client.close();
    this.#resolve(end);
  }
}

/** Moves the bytes of one direction: a source that reads `#from`, and a sink that writes `#to`. */
class Pump implements UnderlyingDefaultSource<Uint8Array>, UnderlyingSink<Uint8Array> {
  readonly side: Side;
  readonly #relay: StreamRelay;
  readonly #from: ByteConn;
  readonly #to: ByteConn;
  #buffer: Uint8Array<ArrayBuffer>;
  #firstRead: Promise<number | null> | undefined;
  /** Whether a write is pending. */
  writing = false;
  /** Number of bytes of the last read. */
  #count = 0;
  /** Consecutive reads so far that filled less than a quarter of the buffer. */
  #smallReads = 0;

  constructor(side: Side, relay: StreamRelay, first: FirstRead | undefined) {
    this.side = side;
    this.#relay = relay;
    this.#from = relay[side].conn;
    this.#to = relay[otherSide(side)].conn;
    this.#firstRead = first?.count;
    this.#buffer = first?.buffer ?? firstBuffer(relay.observer.chunk !== undefined);
  }

  /**
   * Moves bytes until the end of input or an error.
   *
   * It uses callbacks because every idle connection has a pending read, and a suspended async
   * function would take more memory than a callback.
   */
  readonly move = (): void => {
    if (this.#buffer.length >= STREAM_BYTES && this.#firstRead === undefined) void this.#pipe();
    else this.#receive().then(this.#received, this.#failed);
  };

  readonly #received = (count: number | null): void => {
    if (count === null) this.close().then(this.#stopped, this.#failed);
    else this.#send(count).then(this.#sent, this.#failed);
  };

  /** Usually one write takes all bytes; it takes only some if the socket buffer is nearly full. */
  readonly #sent = (written: number): void => {
    if (written < this.#count) {
      this.#writeRest(written).then(this.move, this.#failed);
    } else {
      this.#delivered();
      this.move();
    }
  };

  readonly #stopped = (): void => this.#relay.stopped();

  /** A read or a write failed. The buffer cannot be reused: an abandoned read may still fill it. */
  readonly #failed = (): void => {
    dropBuffer(this.#buffer);
    // After a failed write, the other pump still delivers what the failed side has sent, until it
    // reads the end of its input or gets the error, too.
    if (this.writing) this.#relay.writeFailed(otherSide(this.side));
    else this.#relay.inputEnded(this.side, "reset");
    this.writing = false;
    this.#stopped();
  };

  /** Moves the rest with `pipeTo`. */
  #pipe(): Promise<void> {
    return new ReadableStream(this, NO_QUEUE).pipeTo(new WritableStream(this))
      .then(this.#stopped, this.#failed);
  }

  /** Reads a chunk; called by `ReadableStream`. */
  async pull(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    const count = await this.#receive();
    if (count === null) controller.close();
    else controller.enqueue(this.#buffer.subarray(0, count));
  }

  /** Writes the chunk that `pull` read last; called by `WritableStream`. */
  async write(chunk: Uint8Array): Promise<void> {
    const written = await this.#send(chunk.length);
    if (written < this.#count) await this.#writeRest(written);
    else this.#delivered();
  }

  /** Handles the end of input; also called by `WritableStream`. */
  async close(): Promise<void> {
    giveBuffer(this.#buffer);
    if (this.#relay.inputEnded(this.side, "end") !== "half-close") return;
    // If this fails, the other side is gone, and the pump that reads from it will find out.
    await this.#to.closeWrite().catch(() => {});
  }

  #receive(): Promise<number | null> {
    this.writing = false;
    const first = this.#firstRead;
    if (first === undefined) return this.#from.read(this.#buffer);
    this.#firstRead = undefined;
    return first;
  }

  /** Shows the bytes of the last read to the observer, then writes them; returns how many. */
  #send(count: number): Promise<number> {
    this.#count = count;
    const bytes = this.#buffer.subarray(0, count);
    return this.#relay.observer.chunk === undefined
      ? this.#write(bytes)
      : this.#showAndWrite(bytes);
  }

  async #showAndWrite(bytes: Uint8Array): Promise<number> {
    await this.#relay.observer.chunk?.(this.side, bytes);
    return await this.#write(bytes);
  }

  #write(bytes: Uint8Array): Promise<number> {
    this.writing = true;
    return this.#to.write(bytes);
  }

  async #writeRest(written: number): Promise<void> {
    while (written < this.#count) {
      written += await this.#to.write(this.#buffer.subarray(written, this.#count));
    }
    this.#delivered();
  }

  /** Reports the last chunk as written and adapts the size of the buffer. */
  #delivered(): void {
    const { observer } = this.#relay;
    observer.moved(this.side, this.#count);
    this.#fit(minBufferBytes(observer.chunk !== undefined));
  }

  /** Doubles the buffer if the last read filled it; shrinks it after many small reads. */
  #fit(min: number): void {
    const size = this.#buffer.length, isSmallRead = size > min && this.#count < size / 4;
    this.#smallReads = isSmallRead ? this.#smallReads + 1 : 0;
    if (size < min) this.#resize(min);
    else if (this.#smallReads >= SMALL_READS) this.#resize(Math.max(min, size / 4));
    else if (this.#count === size && size < MAX_BUFFER_BYTES && mayTake(size * 2)) {
      this.#resize(size * 2);
    }
  }

  #resize(bytes: number): void {
    this.#smallReads = 0;
    giveBuffer(this.#buffer);
    this.#buffer = takeBuffer(bytes);
  }
}

/**
 * Starts a relay. It owns both connections from now on.
 *
 * @param links The two sides; `first` is the pending read of `readAhead`, if it was called.
 */
export function startRelay(
  links: { client: RelayLink; backend: RelayLink; first?: FirstRead | undefined },
  observer: RelayObserver,
): Relay {
  const relay = new StreamRelay(links.client, links.backend, observer);
  relay.pumps = [new Pump("client", relay, links.first), new Pump("backend", relay, undefined)];
  for (const pump of relay.pumps) pump.move();
  return relay;
}
