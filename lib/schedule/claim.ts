import type { Endpoint } from "../base/endpoint.ts";
import type { ChannelPlace, Table } from "../table/table.ts";

/** The channel chosen for a connection; `c` counts the connection until the claim is disposed. */
export interface Claim extends Disposable {
  /** Where the channel is now; after the disposal, where it was then. */
  readonly place: ChannelPlace;
  /** Of {@link place}. */
  readonly group: number;
  /** Of {@link place}. */
  readonly channel: number;
  /** The `id` of the channel; see `Table`. */
  readonly owner: number;
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

/** Where the channel of a claim is; nothing without a claim. */
export function placeOfClaim(
  claim: Claim | undefined,
): { readonly group: number | undefined; readonly channel: number | undefined } {
  return claim?.place ?? { group: undefined, channel: undefined };
}

/** What was counted in the table for a claim. A plain record, which may come from another worker. */
export type Entry = Pick<Claim, "account" | "generation" | "isProbe">;

/** Counts a connection of a worker at a channel. Called inside {@link Table.locked}. */
export function enter(
  table: Table,
  { group, channel, worker }: { group: number; channel: number; worker: number },
): Entry {
  const isProbe = table.caution(group, channel) !== "none" && !table.isProbed(group, channel);
  if (isProbe) table.setProber(group, channel, worker);
  return {
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
  readonly account: number;
  readonly owner: number;
  readonly generation: number;
  readonly backend: Endpoint;
  isProbe: boolean;
  #table: Table | undefined;
  /** Set at the disposal: then the account may become that of another channel. */
  #lastPlace: ChannelPlace | undefined;

  constructor(table: Table, entry: Entry) {
    this.owner = table.ownerOf(entry.account);
    this.account = entry.account;
    this.generation = entry.generation;
    this.isProbe = entry.isProbe;
    this.backend = table.endpointOf(entry.account);
    this.#table = table;
  }

  get place(): ChannelPlace {
    return this.#table?.placeOf(this.account) ?? this.#lastPlace!;
  }

  get group(): number {
    return this.place.group;
  }

  get channel(): number {
    return this.place.channel;
  }

  [Symbol.dispose](): void {
    const table = this.#table;
    if (table === undefined) return;
    // Locked, so that the channel does not get another number meanwhile.
    if (this.isProbe) table.locked(() => endProbe(table, this));
    this.#lastPlace = this.place;
    this.#table = undefined;
    table.leave(this.account);
  }
}

/** Gives the only place of a cautious channel back. Called inside {@link Table.locked}. */
export function endProbe(table: Table, claim: Claim): void {
  const { group, channel } = claim.place;
  claim.isProbe = false;
  if (table.generation(group, channel) !== claim.generation) return;
  table.setProber(group, channel, undefined);
}
