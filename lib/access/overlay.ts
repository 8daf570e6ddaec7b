/**
 * What operators have changed about access lists, compiled on its own: the lists of the options may
 * have 100,000 ranges, and a change must not cost more because of them.
 */

import { formatNetwork, type Network } from "../address/cidr.ts";
import {
  comparePrefixes,
  contains,
  type Prefixes,
  type PrefixSet,
  singlePrefix,
  widened,
} from "./prefixes.ts";
import { CODE_BITS, NO_RANGE, type Spans, SpanWriter } from "./spans.ts";
import { ALLOW, AS_OTHERS, DENY, moreSpecific, type Verdict, type Verdicts } from "./verdicts.ts";

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
  /** In the order of {@link Prefixes}, those of IPv4 first. */
  #sorted: Entry[] = [];

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
    const outdated = new Set<Entry>(), entries = new Set<Entry>();
    for (const change of changes) {
      const key = formatNetwork(change.network), before = this.#changes.get(key);
      const entry = entryOf(change, this.#configured);
      if (before !== undefined && !entries.delete(before)) outdated.add(before);
      this.#changes.delete(key);
      if (change.to === "removed" && !entry.has.allow && !entry.has.deny) continue;
      this.#changes.set(key, entry);
      entries.add(entry);
    }
    const kept = outdated.size === 0
      ? this.#sorted
      : this.#sorted.filter((one) => !outdated.has(one));
    // The first part is sorted, so this takes linear time for a single change.
    this.#sorted = [...kept, ...entries].sort(compareEntries);
  }

  /**
   * The options have other ranges from now on. A change stays unless there is nothing to remove any
   * more, or they have just put its range into the other list.
   */
  configure(configured: ConfiguredSets): void {
    this.#configured = configured;
    for (const [key, before] of this.#changes) {
      const entry = entryOf(before, configured), now = configuredTo(entry.has);
      const isMoved = now !== configuredTo(before.has) && now !== "removed" && now !== entry.to;
      if (isMoved || (now === "removed" && entry.to === "removed")) this.#changes.delete(key);
      else this.#changes.set(key, entry);
    }
    this.#sorted = [...this.#changes.values()].sort(compareEntries);
  }

  /** How the changes differ from a list of the options. */
  differences(list: Verdict): ListChanges {
    let added = 0, removed = 0;
    for (const { to, has } of this.#sorted) {
      if (to === list && !has[list]) added++;
      else if (to !== list && has[list]) removed++;
    }
    return { added, removed };
  }

  /** What decides together with the lists of the options; `undefined` without a change. */
  compile(): Verdicts | undefined {
    if (this.#sorted.length === 0) return undefined;
    return { v4: spansOf(this.#sorted, 1), v6: spansOf(this.#sorted, 4) };
  }
}

/** Where the options have a range. If both lists have it, `deny` decides. */
function configuredTo({ allow, deny }: Entry["has"]): Placement {
  return deny ? "deny" : allow ? "allow" : "removed";
}

function entryOf({ network, to }: AccessChange, configured: ConfiguredSets): Entry {
  const prefix = singlePrefix(network), key = prefix.words === 1 ? "v4" : "v6";
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

function compareEntries({ prefix: a }: Entry, { prefix: b }: Entry): number {
  return a.words - b.words || comparePrefixes(a, 0, b, 0);
}

function spansOf(sorted: readonly Entry[], words: 1 | 4): Spans {
  const writer = new SpanWriter(words, sorted.length);
  for (const { prefix, to, outer } of sorted) {
    if (prefix.words === words) writer.add(prefix, 0, decisionOf(to, outer));
  }
  return writer.spans();
}

/** A range that was removed decides as the next larger one around it does. */
function decisionOf(to: Placement, outer: number): number | ((changed: number) => number) {
  if (to !== "removed") return to === "deny" ? DENY : ALLOW;
  return (changed) => (moreSpecific(changed, outer) & ~CODE_BITS) || AS_OTHERS;
}
