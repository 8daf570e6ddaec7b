/**
 * What operators have changed about access lists, compiled on its own: the lists of the options may
 * have 100,000 ranges, and a change must not cost more because of them.
 */

import { formatNetwork, type Network } from "../address/cidr.ts";
import { contains, type Prefixes, type PrefixSet, singlePrefix, widened } from "./prefixes.ts";
import { OverlayColumn } from "./overlay_column.ts";
import { NO_RANGE } from "./spans.ts";
import { ALLOW, DENY, type Verdict, type Verdicts } from "./verdicts.ts";

/** The list that an operator has put a range into, or `removed` from both. */
export type Placement = Verdict | "removed";

/** A range that an operator has put into a list, or removed from both. */
export interface AccessChange {
  readonly network: Network;
  readonly to: Placement;
}

/** The ranges of the options. */
export type ConfiguredSets = Readonly<Record<Verdict, PrefixSet>>;

/** A change, and what the options have there. */
interface Entry extends AccessChange {
  readonly prefix: Prefixes;
  /** Whether that list of the options has exactly this range. */
  readonly has: Readonly<Record<Verdict, boolean>>;
  /** The code of the most specific of the larger ranges of the options around it. */
  readonly outer: number;
}

/** How changes differ from the options, for one list. */
export interface ListChanges {
  /** How many ranges an operator has added. */
  readonly added: number;
  /** How many an operator has removed, or moved to the other list. */
  readonly removed: number;
}

/** The changes of operators to lists of options. */
export class Overlay {
  #configured: ConfiguredSets;
  /** In the order of the changes. */
  readonly #changes = new Map<string, Entry>();
  readonly #columns = newColumns();
  readonly #differences = newDifferences();

  constructor(configured: ConfiguredSets) {
    this.#configured = configured;
  }

  /** The changes, in their order. */
  get changes(): readonly AccessChange[] {
    return [...this.#changes.values()];
  }

  /** Where a range was put. */
  placement(network: Network): Placement | undefined {
    return this.#changes.get(formatNetwork(network))?.to;
  }

  /**
   * Places ranges. It stays so, also if the options have the same, now or later; but there is nothing
   * to remove if no option has the range.
   */
  place(changes: readonly AccessChange[]): void {
    for (const change of changes) {
      const key = formatNetwork(change.network), entry = entryOf(change, this.#configured);
      this.#drop(key);
      if (change.to !== "removed" || entry.has.allow || entry.has.deny) this.#add(key, entry);
    }
  }

  /**
   * The options have other ranges from now on. A change stays unless there is nothing to remove any
   * more, or they have just put its range into the other list.
   */
  configure(configured: ConfiguredSets): void {
    this.#configured = configured;
    for (const [key, before] of [...this.#changes]) {
      const entry = entryOf(before, configured), now = configuredTo(entry.has);
      const isMoved = now !== configuredTo(before.has) && now !== "removed" && now !== entry.to;
      this.#drop(key);
      if (!isMoved && (now !== "removed" || entry.to !== "removed")) this.#add(key, entry);
    }
  }

  /** How the changes differ from a list of the options. */
  differences(list: Verdict): ListChanges {
    return { ...this.#differences[list] };
  }

  /** What decides together with the lists of the options; `undefined` without a change. */
  compile(): Verdicts | undefined {
    const { v4, v6 } = this.#columns;
    return this.#changes.size === 0 ? undefined : { v4: v4.compile(), v6: v6.compile() };
  }

  #add(key: string, entry: Entry): void {
    const { prefix, to, outer } = entry;
    this.#changes.set(key, entry);
    this.#columns[familyOf(prefix)].set(prefix, { code: CODES[to], outer });
    this.#count(entry, 1);
  }

  #drop(key: string): void {
    const entry = this.#changes.get(key);
    if (entry === undefined) return;
    this.#changes.delete(key);
    this.#columns[familyOf(entry.prefix)].delete(entry.prefix);
    this.#count(entry, -1);
  }

  #count({ to, has }: Entry, by: 1 | -1): void {
    for (const list of ["allow", "deny"] as const) {
      if (to === list && !has[list]) this.#differences[list].added += by;
      else if (to !== list && has[list]) this.#differences[list].removed += by;
    }
  }
}

const CODES: Readonly<Record<Placement, number>> = { allow: ALLOW, deny: DENY, removed: 0 };

function newColumns(): Readonly<Record<keyof PrefixSet, OverlayColumn>> {
  return { v4: new OverlayColumn(1), v6: new OverlayColumn(4) };
}

function newDifferences(): Record<Verdict, { added: number; removed: number }> {
  return { allow: { added: 0, removed: 0 }, deny: { added: 0, removed: 0 } };
}

function familyOf({ words }: Prefixes): keyof PrefixSet {
  return words === 1 ? "v4" : "v6";
}

/** Where the options have a range. If both lists have it, `deny` decides. */
function configuredTo({ allow, deny }: Entry["has"]): Placement {
  return deny ? "deny" : allow ? "allow" : "removed";
}

function entryOf({ network, to }: AccessChange, configured: ConfiguredSets): Entry {
  const prefix = singlePrefix(network), key = familyOf(prefix);
  const [allow, deny] = [configured.allow[key], configured.deny[key]];
  return {
    ...{ network, to, prefix },
    has: { allow: contains(allow, prefix), deny: contains(deny, prefix) },
    outer: to === "removed" ? outerCode(prefix, { allow, deny }) : NO_RANGE,
  };
}

function outerCode(prefix: Prefixes, { allow, deny }: Record<Verdict, Prefixes>): number {
  for (let bits = prefix.bits[0]! - 1; bits >= 0; bits--) {
    const outer = widened(prefix, bits);
    if (contains(deny, outer)) return DENY | bits;
    if (contains(allow, outer)) return ALLOW | bits;
  }
  return NO_RANGE;
}
