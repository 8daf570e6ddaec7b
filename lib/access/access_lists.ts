import { formatNetwork, type Network } from "../address/cidr.ts";
import {
  difference,
  hasPrefix,
  prefixCount,
  type PrefixSet,
  prefixSet,
  union,
} from "./prefixes.ts";
import { compileVerdicts, type Verdict, verdictOf, type Verdicts } from "./verdicts.ts";

/** The ranges of one option. A plain record. */
export interface AddressList {
  readonly prefixes: PrefixSet;
  /** The files of it, and how many ranges each has. */
  readonly files: readonly { readonly file: string; readonly count: number }[];
}

/** The lists of `--allow` and `--deny`; `undefined` if the option was not given. */
export interface ConfiguredLists {
  readonly allow: AddressList | undefined;
  readonly deny: AddressList | undefined;
}

/** Who may connect. Cloned to a worker, the memory is shared. */
export interface AccessRules {
  readonly verdicts: Verdicts;
  /** Whether a client is denied that no range contains. */
  readonly deniesOthers: boolean;
}

/** The list that an operator has put a range into, or `removed` from both. */
export type Placement = Verdict | "removed";

/** A range that an operator has put into a list, or removed from both. */
export interface AccessChange {
  readonly network: Network;
  readonly to: Placement;
}

/** One list, as it is in force. */
export interface ListStatus {
  /** Whether it exists: `--allow` or `--deny` was given, or an operator has made it. */
  readonly exists: boolean;
  /** How many ranges it has. */
  readonly ranges: number;
  /** How many of them an operator has added. */
  readonly added: number;
  readonly files: AddressList["files"];
}

const EMPTY: PrefixSet = prefixSet([]);

/** Whether the lists deny a client. @param client Text as in `Endpoint`. */
export function isDenied({ verdicts, deniesOthers }: AccessRules, client: string): boolean {
  const verdict = verdictOf(verdicts, client);
  return verdict === undefined ? deniesOthers : verdict === "deny";
}

/** The access lists: as configured, and what operators have changed since. */
export class AccessLists {
  #configured: ConfiguredLists;
  readonly #changes = new Map<string, AccessChange>();
  #allow: PrefixSet = EMPTY;
  #deny: PrefixSet = EMPTY;
  #rules: AccessRules | undefined;

  constructor(configured: ConfiguredLists) {
    this.#configured = configured;
    this.#compile();
  }

  /** What decides; `undefined` if there is no list, so that everyone may connect. */
  get rules(): AccessRules | undefined {
    return this.#rules;
  }

  /** What operators have changed, in the order of the changes. */
  get changes(): readonly AccessChange[] {
    return [...this.#changes.values()];
  }

  /** The list that has exactly this range. */
  listOf(network: Network): Verdict | undefined {
    return listIn({ allow: this.#allow, deny: this.#deny }, network);
  }

  /** How a list is now. */
  status(list: Verdict): ListStatus {
    const configured = this.#configured[list], ranges = prefixCount(this.#setOf(list));
    const added = this.changes.filter(({ network, to }) =>
      to === list && !hasPrefix(configured?.prefixes ?? EMPTY, network)
    );
    return {
      exists: configured !== undefined || ranges > 0,
      ranges,
      added: added.length,
      files: configured?.files ?? [],
    };
  }

  /** Puts ranges into lists; each leaves the other list. As configured, it is no change. */
  apply(changes: readonly AccessChange[]): void {
    for (const change of changes) {
      const key = formatNetwork(change.network);
      this.#changes.delete(key);
      if (configuredTo(this.#configured, change.network) !== change.to) {
        this.#changes.set(key, change);
      }
    }
    this.#compile();
  }

  /**
   * Other lists are configured from now on. What operators have changed stays, except for ranges
   * that the configuration puts elsewhere than before.
   */
  configure(configured: ConfiguredLists): void {
    const before = this.#configured;
    this.#configured = configured;
    for (const [key, { network, to }] of this.#changes) {
      const now = configuredTo(configured, network);
      if (now !== configuredTo(before, network) || now === to) this.#changes.delete(key);
    }
    this.#compile();
  }

  #setOf(list: Verdict): PrefixSet {
    return list === "allow" ? this.#allow : this.#deny;
  }

  #compile(): void {
    const { allow, deny } = this.#configured;
    this.#allow = this.#inForce("allow", allow);
    this.#deny = this.#inForce("deny", deny);
    const allows = allow !== undefined || prefixCount(this.#allow) > 0;
    this.#rules = allows || prefixCount(this.#deny) > 0
      ? {
        verdicts: compileVerdicts({ allow: this.#allow, deny: this.#deny }),
        deniesOthers: allows,
      }
      : undefined;
  }

  #inForce(list: Verdict, configured: AddressList | undefined): PrefixSet {
    const set = configured?.prefixes ?? EMPTY, changes = this.changes;
    if (changes.length === 0) return set;
    const here = changes.filter(({ to }) => to === list).map(({ network }) => network);
    const elsewhere = changes.filter(({ to }) => to !== list).map(({ network }) => network);
    return union(difference(set, prefixSet(elsewhere)), prefixSet(here));
  }
}

/** Where the configuration has a range. If both lists have it, `deny` decides. */
function configuredTo({ allow, deny }: ConfiguredLists, network: Network): Placement {
  const sets = { allow: allow?.prefixes ?? EMPTY, deny: deny?.prefixes ?? EMPTY };
  return listIn(sets, network) ?? "removed";
}

function listIn(
  { allow, deny }: { readonly allow: PrefixSet; readonly deny: PrefixSet },
  network: Network,
): Verdict | undefined {
  if (hasPrefix(deny, network)) return "deny";
  return hasPrefix(allow, network) ? "allow" : undefined;
}
