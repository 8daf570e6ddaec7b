import { type Network, parseNetwork } from "../address/cidr.ts";
import { type AccessChange, type ConfiguredSets, type ListChanges, Overlay } from "./overlay.ts";
import { hasPrefix, prefixCount, type PrefixSet, prefixSet } from "./prefixes.ts";
import { compileVerdicts, type Verdict, verdictOf, type Verdicts } from "./verdicts.ts";

/** The ranges of one option. A plain record. */
export interface AddressList {
  readonly prefixes: PrefixSet;
  /** How many ranges it names itself. */
  readonly given: number;
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
  /** The lists of the options. */
  readonly verdicts: Verdicts;
  /** What operators have changed. */
  readonly changes: Verdicts | undefined;
  /** Whether a client is denied that no range contains. */
  readonly deniesOthers: boolean;
}

/** Where the ranges of a list come from. */
export interface ListSources extends Pick<AddressList, "given" | "files"> {
  /** How many ranges it has, each once. */
  readonly ranges: number;
  /** How many more than once in the option and its files. */
  readonly duplicates: number;
}

/** One list, as it is in force. */
export interface ListStatus extends ListSources, ListChanges {
  /** Whether it exists: `--allow` or `--deny` was given, or an operator has made it. */
  readonly exists: boolean;
}

const EMPTY: AddressList = { prefixes: prefixSet([]), given: 0, files: [] };

/** What the lists do with a client. @param client Text as in `Endpoint`. */
export function accessVerdict(
  { verdicts, changes, deniesOthers }: AccessRules,
  client: string,
): Verdict {
  return verdictOf(verdicts, client, changes) ?? (deniesOthers ? "deny" : "allow");
}

/** Where the ranges of an option come from. */
export function listSources({ prefixes, given, files }: AddressList): ListSources {
  const ranges = prefixCount(prefixes);
  const all = files.reduce((sum, { count }) => sum + count, given);
  return { ranges, given, files, duplicates: all - ranges };
}

/** The access lists: as configured, and what operators have changed since. */
export class AccessLists {
  #configured: ConfiguredLists;
  readonly #overlay: Overlay;
  #verdicts: Verdicts;
  #rules: AccessRules | undefined;

  constructor(configured: ConfiguredLists) {
    this.#configured = configured;
    this.#overlay = new Overlay(setsOf(configured));
    this.#verdicts = compileVerdicts(setsOf(configured));
    this.#update();
  }

  /** What decides; `undefined` if there is no list, so that everyone may connect. */
  get rules(): AccessRules | undefined {
    return this.#rules;
  }

  /** What operators have changed, in the order of the changes. */
  get changes(): readonly AccessChange[] {
    return this.#overlay.changes;
  }

  /** The list that has exactly this range. */
  listOf(network: Network): Verdict | undefined {
    const placement = this.#overlay.placement(network);
    if (placement !== undefined) return placement === "removed" ? undefined : placement;
    const { allow, deny } = setsOf(this.#configured);
    if (hasPrefix(deny, network)) return "deny";
    return hasPrefix(allow, network) ? "allow" : undefined;
  }

  /** The most specific range that contains an address, as text without a scope. */
  rangeOf(address: string): Network | undefined {
    const size = parseNetwork(address).bits;
    for (let bits = size; bits >= 0; bits--) {
      const range = parseNetwork(`${address}/${bits}`);
      if (this.listOf(range) !== undefined) return range;
    }
    return undefined;
  }

  /** How a list is now. */
  status(list: Verdict): ListStatus {
    const sources = listSources(this.#configured[list] ?? EMPTY);
    const changes = this.#overlay.differences(list);
    const ranges = sources.ranges + changes.added - changes.removed;
    const exists = this.#configured[list] !== undefined || ranges > 0;
    return { exists, ...sources, ranges, ...changes };
  }

  /** Puts ranges into lists; each leaves the other list. */
  apply(changes: readonly AccessChange[]): void {
    this.#overlay.place(changes);
    this.#update();
  }

  /**
   * Other lists are configured from now on. What operators have changed stays, except for ranges
   * that the configuration puts into the other list, and for removed ranges that it no longer has.
   */
  configure(configured: ConfiguredLists): void {
    this.#configured = configured;
    this.#overlay.configure(setsOf(configured));
    this.#verdicts = compileVerdicts(setsOf(configured));
    this.#update();
  }

  #update(): void {
    const allow = this.status("allow"), deny = this.status("deny");
    this.#rules = allow.exists || deny.ranges > 0
      ? {
        verdicts: this.#verdicts,
        changes: this.#overlay.compile(),
        deniesOthers: allow.exists,
      }
      : undefined;
  }
}

function setsOf({ allow = EMPTY, deny = EMPTY }: ConfiguredLists): ConfiguredSets {
  return { allow: allow.prefixes, deny: deny.prefixes };
}
