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

import { NO_BYTES } from "../../base/bytes.ts";
import { otherSide, type Side } from "../../base/side.ts";
import type { Relay, RelayObserver } from "../engine.ts";
import {
  closedByCaller,
  closeRelay,
  directionStopped,
  inputEnded,
  newRelayEnding,
  type NextStep,
  writeFailed,
} from "../relay_end.ts";
import type { ByteConn } from "./byte_conn.ts";
import { hasArrived, type PumpStart, writePrefixed } from "./prefix.ts";
import { ChunkReader } from "./chunk_reader.ts";

/** The source reads only when the sink is ready: back-pressure without a queue. */
const NO_QUEUE = { highWaterMark: 0 };

/** One side of a relay. */
export interface RelayLink {
  readonly conn: ByteConn;
  /** Closes `conn`. Idempotent. */
  close(): void;
}

class StreamRelay implements Relay {
  readonly #ending = newRelayEnding();
  /** Set by {@link startRelay}. */
  pumps: readonly Pump[] = [];
  #freed: (() => void) | undefined;
  /** What a callback of the observer threw. */
  #bug: unknown;

  constructor(
    readonly client: RelayLink,
    readonly backend: RelayLink,
    readonly observer: RelayObserver,
  ) {}

  close(): void {
    if (closedByCaller(this.#ending)) this.#teardown();
  }

  /** A chunk from one side was written. */
  moved(side: Side, bytes: number): void {
    if (this.#ending.closed) return;
    try {
      this.observer.moved(side, bytes);
    } catch (error) {
      this.failed(error);
    }
  }

  /** Shows a chunk to the observer. If the observer throws, the relay ends. */
  async show(side: Side, bytes: Uint8Array): Promise<void> {
    if (this.#ending.closed) return;
    try {
      await this.observer.chunk?.(side, bytes);
    } catch (error) {
      this.failed(error);
    }
  }

  /** A callback of the observer threw: the relay ends. */
  failed(bug: unknown): void {
    this.#bug ??= bug;
    this.close();
  }

  /** The input from one side has ended. On `"half-close"`, the calling pump closes its output. */
  inputEnded(side: Side, read: "end" | "reset"): NextStep | undefined {
    const ended = inputEnded(this.#ending, side, read);
    if (ended === undefined) return undefined;
    try {
      this.observer.ended?.(side, ended.how);
    } catch (error) {
      this.failed(error);
    }
    if (this.#ending.closed) return undefined;
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
    this.observer.finished(end, this.#bug);
  }
}

/** Moves the bytes of one direction: a source that reads `#from`, and a sink that writes `#to`. */
class Pump implements UnderlyingDefaultSource<Uint8Array>, UnderlyingSink<Uint8Array> {
  readonly side: Side;
  readonly #relay: StreamRelay;
  readonly #from: ChunkReader;
  readonly #to: ByteConn;
  /** Whether a write is pending. */
  writing = false;
  /** What is written before the first chunk, or together with it. */
  #prefix: Uint8Array | undefined;

  constructor(side: Side, relay: StreamRelay, { ahead, prefix }: PumpStart = {}) {
    this.side = side;
    this.#relay = relay;
    this.#from = new ChunkReader(relay[side].conn, ahead);
    this.#to = relay[otherSide(side)].conn;
    this.#prefix = prefix;
  }

  /** Starts to move bytes. Not named `start`: streams would call that. */
  begin(): void {
    if (this.#prefix === undefined) this.move();
    else void this.#startWithPrefix();
  }

  /** Writes the prefix with the first chunk if that is there, and else alone. */
  async #startWithPrefix(): Promise<void> {
    const read = this.#from.read();
    try {
      if (!await hasArrived(read)) {
        await this.#write(NO_BYTES);
        this.writing = false;
      }
      this.#received(await read);
    } catch {
      this.#failed();
    }
  }

  /**
   * Moves bytes until the end of input or an error.
   *
   * It uses callbacks because every idle connection has a pending read, and a suspended async
   * function would take more memory than a callback. Only the callbacks of that read are kept.
   */
  move(): void {
    if (this.#from.isStreaming) void this.#pipe();
    else this.#from.read().then(this.#received, this.#failed);
  }

  readonly #received = (count: number | null): void => {
    if (count === null) this.close().then(() => this.#relay.stopped(), this.#failed);
    else {
      const completed = this.#complete(count);
      const written = completed === undefined ? this.#send() : completed.then(() => this.#send());
      written.then((bytes) => this.#sent(bytes), this.#failed);
    }
  };

  /** Usually one write takes all bytes; it takes only some if the socket buffer is nearly full. */
  #sent(written: number): void {
    if (written < this.#from.length) {
      this.#writeRest(written).then(() => this.move(), this.#failed);
    } else {
      this.#delivered();
      this.move();
    }
  }

  /** A read or a write failed. The buffer cannot be reused: an abandoned read may still fill it. */
  readonly #failed = (): void => {
    this.#from.abandon();
    // After a failed write, the other pump still delivers what the failed side has sent, until it
    // reads the end of its input or gets the error, too.
    if (this.writing) this.#relay.writeFailed(otherSide(this.side));
    else this.#relay.inputEnded(this.side, "reset");
    this.writing = false;
    this.#relay.stopped();
  };

  /** Moves the rest with `pipeTo`. */
  #pipe(): Promise<void> {
    return new ReadableStream(this, NO_QUEUE).pipeTo(new WritableStream(this))
      .then(() => this.#relay.stopped(), this.#failed);
  }

  /** Reads a chunk; called by `ReadableStream`. */
  async pull(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    const count = await this.#from.read();
    if (count === null) return controller.close();
    const completed = this.#complete(count);
    if (completed !== undefined) await completed;
    controller.enqueue(this.#from.chunk);
  }

  /** Writes the chunk that `pull` read last; called by `WritableStream`. */
  async write(chunk: Uint8Array): Promise<void> {
    const written = await this.#send();
    if (written < chunk.length) await this.#writeRest(written);
    else this.#delivered();
  }

  /** Handles the end of input; also called by `WritableStream`. */
  async close(): Promise<void> {
    this.#from.end();
    if (this.#relay.inputEnded(this.side, "end") !== "half-close") return;
    // If this fails, the other side is gone, and the pump that reads from it will find out.
    await this.#to.closeWrite().catch(() => {});
  }

  /** With a packet dump, reads the rest of a block that has arrived; otherwise `undefined`. */
  #complete(count: number): Promise<void> | undefined {
    this.#from.received(count);
    const isObserved = this.#relay.observer.chunk !== undefined;
    return isObserved && this.#from.isCut ? this.#from.complete() : undefined;
  }

  /** Shows the current chunk to the observer, then writes it; returns how many bytes. */
  #send(): Promise<number> {
    const { chunk } = this.#from;
    return this.#relay.observer.chunk === undefined
      ? this.#write(chunk)
      : this.#showAndWrite(chunk);
  }

  async #showAndWrite(bytes: Uint8Array): Promise<number> {
    await this.#relay.show(this.side, bytes);
    return await this.#write(bytes);
  }

  #write(bytes: Uint8Array): Promise<number> {
    this.writing = true;
    const prefix = this.#prefix;
    if (prefix === undefined) return this.#to.write(bytes);
    this.#prefix = undefined;
    return writePrefixed(this.#to, prefix, bytes);
  }

  async #writeRest(written: number): Promise<void> {
    const { chunk } = this.#from;
    while (written < chunk.length) {
      written += await this.#to.write(chunk.subarray(written));
    }
    this.#delivered();
  }

  /** The current chunk is written. */
  #delivered(): void {
    this.writing = false;
    this.#relay.moved(this.side, this.#from.length);
    this.#from.delivered();
  }
}

/**
 * Starts a relay, which calls the observer only later. It owns both connections from now on.
 *
 * @param links The two sides; `ahead`: what `readAhead` has read, if it was called; `prefix`: see
 * `Engine.relay`.
 */
export function startRelay(
  links: { client: RelayLink; backend: RelayLink } & PumpStart,
  observer: RelayObserver,
): Relay {
  const relay = new StreamRelay(links.client, links.backend, observer);
  relay.pumps = [new Pump("client", relay, links), new Pump("backend", relay)];
  for (const pump of relay.pumps) pump.begin();
  return relay;
}
