import type { Table } from "./table.ts";

/** One connection's hold on a channel: counted in `c` until it is disposed. */
export interface Claim extends Disposable {
  readonly group: number;
  readonly channel: number;
}

/** How channels are chosen. */
export interface ClaimOptions {
  /** `-H`: go on behind the hashed channel when that one cannot be used. */
  readonly hashFailover: boolean;
  /** Told what a hash group decided, for `-d`. */
  readonly trace?: ((line: string) => void) | undefined;
}

/**
 * The channels that one client is sent to, first choice first; each is claimed when it is taken
 * out and must be disposed.
 *
 * Taking the next one means that the one before could not be used. A failed channel is not
 * offered twice: each group is walked at most once around, and one rule of availability holds
 * everywhere (deviations 1, 2 and 6 of DESIGN.md).
 *
 * The cursor moves when a channel is chosen, so that bursts are spread exactly (deviation 28).
 * Going on behind a dead channel moves it only where nobody else has moved it meanwhile.
 *
 * @param table Where the channels are.
 * @param clientHash Gives the hash of the client's address; asked only by hash groups.
 * @param options `-H` and where to say what was decided.
 */
export function* claims(
  table: Table,
  clientHash: () => number,
  options: ClaimOptions,
): Generator<Claim, void, void> {
  for (let group = 0; group < table.size.groups; group++) {
    const length = table.length(group);
    if (length === 0) continue;
    const hashed = table.type(group) === "hash" ? clientHash() : undefined;
    const walk: Walk = {
      group,
      length,
      start: hashed === undefined ? -1 : hashed % length,
      tries: hashed !== undefined && !options.hashFailover ? 1 : length,
      done: 0,
      last: -1,
    };
    while (walk.done < walk.tries) {
      const first = walk.last < 0;
      const taken = table.locked(() => choose(table, walk));
      if (first && hashed !== undefined && options.trace !== undefined) {
        traceHash(walk, { hashed, taken, hashFailover: options.hashFailover }, options.trace);
      }
      if (taken < 0) break;
      yield new HeldClaim(table, group, taken);
    }
  }
}

/** One client's way around one group. */
interface Walk {
  readonly group: number;
  readonly length: number;
  /** Index tried first; -1 until the cursor is read. */
  start: number;
  /** How many indices may be tried at most, and how many are behind us. */
  readonly tries: number;
  done: number;
  /** Index taken last; -1 before the first. */
  last: number;
}

/** Takes the next available channel of a walk and counts it in; -1 if there is none. */
function choose(table: Table, walk: Walk): number {
  const { group, length } = walk;
  if (walk.start < 0) walk.start = table.cursor(group) % length;
  let taken = -1;
  while (taken < 0 && walk.done < walk.tries) {
    const index = (walk.start + walk.done++) % length;
    if (table.available(group, index)) taken = index;
  }
  if (walk.last < 0) table.setCursor(group, taken < 0 ? 0 : (taken + 1) % length);
  else if (taken >= 0 && table.cursor(group) === (walk.last + 1) % length) {
    table.setCursor(group, (taken + 1) % length);
  }
  if (taken >= 0) table.enter(group, walk.last = taken);
  return taken;
}

class HeldClaim implements Claim {
  #table: Table | undefined;

  constructor(table: Table, readonly group: number, readonly channel: number) {
    this.#table = table;
  }

  [Symbol.dispose](): void {
    this.#table?.leave(this.group, this.channel);
    this.#table = undefined;
  }
}

function traceHash(
  walk: Walk,
  decided: { hashed: number; taken: number; hashFailover: boolean },
  trace: (line: string) => void,
): void {
  const { group, length, start } = walk;
  // 3.35 prints the hash as a signed number.
  trace(`hash of client address: ${decided.hashed | 0}`);
  trace(`hash modulo ${length} channels of group ${group} is ${start}`);
  if (decided.taken === start) return;
  trace(`channel ${start} of group ${group} is not available`);
  if (!decided.hashFailover) return;
  trace(
    decided.taken < 0
      ? `-H found no other channel in group ${group}`
      : `-H found channel ${decided.taken} in group ${group}`,
  );
}
