import type { Endpoint } from "../base/endpoint.ts";
import type { Table } from "../table/table.ts";

/** The channel chosen for a connection; `c` counts the connection until the claim is disposed. */
export interface Claim extends Disposable {
  readonly group: number;
  readonly channel: number;
  /** The channel's address when it was chosen; `assign` may have changed it since. */
  readonly backend: Endpoint;
  /** The account of that address; see `Table`. */
  readonly account: number;
  /** The channel's generation when it was chosen. */
  readonly generation: number;
  /**
   * Whether this connection has the only place of a cautious channel. The verdict about its connect
   * (verdict.ts) ends that, or else its disposal.
   */
  isProbe: boolean;
}

/** What was counted in the table for a claim. A plain record, which may come from another worker. */
export type Entry = Pick<Claim, "group" | "channel" | "account" | "generation" | "isProbe">;

/** Counts a connection of a worker at a channel. Called inside {@link Table.locked}. */
export function enter(
  table: Table,
  { group, channel, worker }: { group: number; channel: number; worker: number },
): Entry {
  const isProbe = table.caution(group, channel) !== "none" && !table.isProbed(group, channel);
  if (isProbe) table.setProber(group, channel, worker);
  return {
    group,
    channel,
    account: table.enter(group, channel, worker),
    generation: table.generation(group, channel),
    isProbe,
  };
}

/** The claim for a connection that was counted. */
export function claimOf(table: Table, entry: Entry): Claim {
  return new HeldClaim(table, entry);
}

class HeldClaim implements Claim {
  readonly group: number;
  readonly channel: number;
  readonly account: number;
  readonly generation: number;
  readonly backend: Endpoint;
  isProbe: boolean;
  #table: Table | undefined;

  constructor(table: Table, entry: Entry) {
    this.group = entry.group;
    this.channel = entry.channel;
    this.account = entry.account;
    this.generation = entry.generation;
    this.isProbe = entry.isProbe;
    this.backend = table.endpointOf(entry.account);
    this.#table = table;
  }

  [Symbol.dispose](): void {
    const table = this.#table;
    if (table === undefined) return;
    this.#table = undefined;
    if (this.isProbe) endProbe(table, this);
    table.leave(this.account);
  }
}

/** Gives the only place of a cautious channel back. */
export function endProbe(table: Table, claim: Claim): void {
  claim.isProbe = false;
  if (table.generation(claim.group, claim.channel) !== claim.generation) return;
  table.setProber(claim.group, claim.channel, undefined);
}
