/** Bytes of memory of one counter. */
const COUNTER_BYTES = 8;
/** A batch is added to the shared counter before it exceeds this; numbers are exact up to 2^53. */
const MAX_BATCH_BYTES = 2 ** 52;

/**
 * Byte counters in shared memory, modulo 2^64.
 *
 * Each isolate counts in a batch of its own, without a lock or a `BigInt` per chunk. A reader adds
 * the batches to the shared counter, so the sum is always exact.
 */
export class Traffic {
  readonly #shared: BigUint64Array;
  /** The batches of the first isolate, of the second, ... each in the order of `#shared`. */
  readonly #batches: Float64Array;
  readonly #ownBatch: number;

  /** Bytes of memory that the constructor needs. */
  static byteLength(counters: number, workers: number): number {
    return counters * (1 + workers) * COUNTER_BYTES;
  }

  /** @param size `worker` is the number of this isolate among `workers`, from 0. */
  constructor(
    buffer: SharedArrayBuffer,
    { counters, workers, worker }: { counters: number; workers: number; worker: number },
  ) {
    this.#shared = new BigUint64Array(buffer, 0, counters);
    this.#batches = new Float64Array(buffer, this.#shared.byteLength, counters * workers);
    this.#ownBatch = counters * worker;
  }

  /** Counts bytes. */
  add(counter: number, bytes: number): void {
    const at = this.#ownBatch + counter;
    const batch = this.#batches[at]! + bytes;
    this.#batches[at] = batch < MAX_BATCH_BYTES ? batch : 0;
    if (batch >= MAX_BATCH_BYTES) Atomics.add(this.#shared, counter, BigInt(batch));
  }

  /** The bytes counted so far. */
  sum(counter: number): bigint {
    return BigInt.asUintN(64, Atomics.load(this.#shared, counter) + this.#inBatches(counter));
  }

  /** Sets a counter. Only their isolates may write the batches, so these are subtracted. */
  set(counter: number, bytes: bigint): void {
    Atomics.store(this.#shared, counter, BigInt.asUintN(64, bytes - this.#inBatches(counter)));
  }

  /** Adds the sum of one counter to another one. */
  move(from: number, to: number): void {
    Atomics.add(this.#shared, to, this.sum(from));
  }

  #inBatches(counter: number): bigint {
    let sum = 0n;
    for (let at = counter; at < this.#batches.length; at += this.#shared.length) {
      sum += BigInt(this.#batches[at]!);
    }
    return sum;
  }
}
