import { channelCounts } from "../table/counts.ts";
import type { Table } from "../table/table.ts";
import type { Entry } from "../schedule/claim.ts";
import { enterNow } from "../schedule/claims.ts";
import type { ClientKey } from "../schedule/client_key.ts";
import { type LineHandle, LineMemory } from "./line_memory.ts";

/** A client's place in the line. */
export interface Place {
  /** The place in the shared memory. */
  readonly place: number;
  /** Resolves with what was counted for the client when a channel is available. */
  readonly entered: Promise<Entry>;
}

/** Stands for a place in the line that was not needed. Places are numbered from 1. */
const NO_PLACE = 0;

/** How the connections of an isolate wait. */
export interface WaitOptions {
  readonly line: WaitLine;
  /** How long one client may wait in all, in milliseconds. */
  readonly waitMs: number;
}

/** What a {@link WaitLine} is made of. */
export interface WaitLineParts {
  readonly table: Table;
  readonly handle: LineHandle;
  /** `-H`; see `ScheduledClient`. */
  readonly hashFailover: boolean;
  /** Wakes another worker: it must call {@link WaitLine.deliver}. */
  readonly wake: (worker: number) => void;
}

/**
 * The wait line (`--wait`), as one isolate sees it: clients that wait for a channel, first in, first
 * out over all workers.
 *
 * The isolate that makes a channel available gives it to the first client in the line that may use
 * it, under the lock of the table. No client can overtake, and no channel stays unused.
 */
export class WaitLine {
  readonly #parts: WaitLineParts;
  readonly #memory: LineMemory;
  /** Clients of this isolate that wait, by place. */
  readonly #own = new Map<number, (entry: Entry) => void>();
  /** `-H`; see `ScheduledClient`. */
  hashFailover: boolean;

  constructor(parts: WaitLineParts) {
    this.#parts = parts;
    this.hashFailover = parts.hashFailover;
    this.#memory = new LineMemory(parts.handle);
    parts.table.freed = () => this.grant();
  }

  /** How many clients wait, in all isolates. */
  get length(): number {
    return this.#memory.length;
  }

  /**
   * Joins the line. A connection comes before those with higher numbers: it has waited before, or its
   * connect has failed.
   *
   * @param id Number of the connection.
   * @param again It has waited before, so a full line does not refuse it.
   * @returns `undefined` if the line is full and no channel is available to the client.
   */
  join(id: number, client: ClientKey, again = false): Place | undefined {
    const { table } = this.#parts, { promise, resolve } = Promise.withResolvers<Entry>();
    const waiter = { ...client, id, worker: table.worker };
    const place = table.locked(() => this.#memory.take(waiter, again));
    if (place === undefined) return this.#enterPastFullLine(client);
    this.#own.set(place, resolve);
    // A channel may have become available before.
    this.grant();
    return { place, entered: promise };
  }

  /**
   * Leaves the line.
   *
   * @returns What was counted for the client, if it got a channel just before.
   */
  leave({ place }: Place): Entry | undefined {
    if (!this.#own.delete(place)) return undefined;
    return this.#parts.table.locked(() => {
      const entry = this.#memory.granted(place);
      if (entry === undefined) this.#memory.remove(place);
      this.#memory.giveBack(place);
      return entry;
    });
  }

  /** Gives available channels to those who wait. */
  grant(): void {
    if (this.#memory.length === 0) return;
    const { table, wake } = this.#parts, { hashFailover } = this;
    const workers = new Set<number>(), refused = new Set<number>();
    table.locked(() => {
      const moduli = hashFailover ? [] : hashModuli(table);
      for (const place of this.#memory.waiting()) {
        const { worker, hash, key } = this.#memory.waiter(place);
        // Clients with the same hashed channels are all refused, or none is.
        const kind = moduli.reduce((kind, modulus) => kind * modulus + hash % modulus, 0);
        if (refused.has(kind)) continue;
        const client = { key: () => ({ hash, key }), hashFailover };
        const entry = enterNow(table, client, worker);
        if (entry !== undefined) {
          this.#memory.grant(place, entry);
          workers.add(worker);
        } else if (moduli.length === 0 || channelCounts(table).available === 0) break;
        else refused.add(kind);
      }
    });
    for (const worker of workers) {
      if (worker === table.worker && this.#own.size > 0) queueMicrotask(() => this.deliver());
      else wake(worker);
    }
  }

  /** Hands the clients of this isolate the channels that they got. */
  deliver(): void {
    for (const [place, resolve] of this.#own) {
      const entry = this.#memory.granted(place);
      if (entry === undefined) continue;
      this.#own.delete(place);
      this.#parts.table.locked(() => this.#memory.giveBack(place));
      resolve(entry);
    }
  }

  /**
   * Removes the clients of a worker that died. Called before the table releases what that worker
   * held, which includes what its clients got in the meantime.
   */
  releaseWorker(worker: number): void {
    this.#parts.table.releaseLock(worker);
    this.#parts.table.locked(() => this.#memory.releaseWorker(worker));
  }

  /**
   * Enters a client although the line is full, if it may use a channel that no client in the line
   * may use: with hash groups, those may all wait for another channel.
   */
  #enterPastFullLine(client: ClientKey): Place | undefined {
    const { table } = this.#parts, { hashFailover } = this;
    // First, clients in the line get what is available to them.
    this.grant();
    const entry = table.locked(() =>
      enterNow(table, { key: () => client, hashFailover }, table.worker)
    );
    return entry && { place: NO_PLACE, entered: Promise.resolve(entry) };
  }
}

/** Lengths of the hash groups, where a client may use only the channel that its hash selects. */
function hashModuli(table: Table): number[] {
  const moduli: number[] = [];
  for (let group = 0; group < table.size.groups; group++) {
    const length = table.active(group);
    if (length > 0 && table.schedule(group) === "hash") moduli.push(length);
  }
  return moduli;
}
