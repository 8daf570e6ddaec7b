/** A relay between two connections in memory. */

import type { Ending, Side } from "../../../lib/base/side.ts";
import type { ByteConn } from "../../../lib/engine/deno/byte_conn.ts";
import { startRelay } from "../../../lib/engine/deno/stream_relay.ts";
import type { RelayObserver } from "../../../lib/engine/engine.ts";
import { type AwaitedRelay, awaitedRelay } from "../engine/awaited.ts";
import { latin1FromBytes } from "../golden/golden.ts";

/** The result of a read: bytes, the end, or an error. */
type Input = Uint8Array | null | Error;

/** A connection in memory, whose other end is the test. */
export class FakeConn implements ByteConn {
  /** Every completed write. */
  readonly written: Uint8Array[] = [];
  /** Lengths of the read buffers. */
  readonly asked: number[] = [];
  ends = 0;
  closes = 0;
  resets = 0;
  /** The maximum number of bytes per write; 0 makes it wait for `takeOn()`. */
  takes = Infinity;
  writeError: Error | undefined;
  /** Whether closing ends a waiting write, as it does since Deno 2.7. */
  closeEndsWrites = true;
  readonly #input: Input[] = [];
  #reader: (() => void) | undefined;
  #blocked: PromiseWithResolvers<void> | undefined;

  /** Queues results of the next reads. */
  gives(...input: (Input | string)[]): void {
    this.#input.push(
      ...input.map((one) => typeof one === "string" ? new TextEncoder().encode(one) : one),
    );
    this.#reader?.();
  }

  /** Completes waiting writes. */
  takeOn(): void {
    this.takes = Infinity;
    this.#blocked?.resolve();
  }

  /** Everything that was written, as text. */
  get text(): string {
    return this.written.map(latin1FromBytes).join("");
  }

  async read(buffer: Uint8Array): Promise<number | null> {
    this.asked.push(buffer.length);
    while (this.#input.length === 0) {
      if (this.closes > 0) throw new Deno.errors.Interrupted("closed");
      await new Promise<void>((resolve) => this.#reader = resolve);
    }
    const [next = null] = this.#input;
    if (next instanceof Error) throw next;
    if (next === null) return null;
    const count = Math.min(next.length, buffer.length);
    buffer.set(next.subarray(0, count));
    if (count < next.length) this.#input[0] = next.subarray(count);
    else this.#input.shift();
    return count;
  }

  async write(bytes: Uint8Array): Promise<number> {
    if (this.takes === 0) await (this.#blocked ??= Promise.withResolvers()).promise;
    if (this.closes > 0) throw new Deno.errors.BadResource("closed");
    if (this.writeError !== undefined) throw this.writeError;
    const count = Math.min(this.takes, bytes.length);
    this.written.push(bytes.slice(0, count));
    return count;
  }

  closeWrite(): Promise<void> {
    this.ends++;
    return this.writeError ? Promise.reject(this.writeError) : Promise.resolve();
  }

  close(): void {
    this.closes++;
    this.#reader?.();
    if (this.closeEndsWrites) this.#blocked?.resolve();
  }

  reset(): void {
    this.resets++;
  }
}

/** What an observer has seen. */
interface Seen {
  moved: [Side, number][];
  ended: [Side, Ending][];
}

/** Starts a relay, whose end is a promise. */
export function relayOf(
  links: Parameters<typeof startRelay>[0],
  observer: Partial<RelayObserver> = {},
): AwaitedRelay {
  return awaitedRelay((all) => startRelay(links, all), observer);
}

/** Starts a relay between two connections in memory. */
export function relaying(observer: Partial<RelayObserver> = {}) {
  const client = new FakeConn(), backend = new FakeConn();
  const observed: Seen = { moved: [], ended: [] };
  const relay = relayOf({ client: linkOf(client), backend: linkOf(backend) }, {
    moved: (side, bytes) => void observed.moved.push([side, bytes]),
    ended: (side, how) => void observed.ended.push([side, how]),
    ...observer,
  });
  return { client, backend, relay, observed };
}

/** Makes a link of the engine: closing it twice closes the connection once. */
export function linkOf(conn: ByteConn) {
  let open = true;
  return {
    conn,
    close() {
      if (open) conn.close();
      open = false;
    },
  };
}

/** Waits until everything that needs no I/O has happened. */
export async function settled(): Promise<void> {
  for (let i = 0; i < 5; i++) await new Promise((resolve) => setTimeout(resolve, 0));
}
