/** The lists of options and the changes of operators, against a search through all ranges. */

import process from "node:process";
import { assertEquals } from "@std/assert";
import {
  AccessLists,
  accessVerdict,
  type AddressList,
  type ConfiguredLists,
} from "../../../lib/access/access_lists.ts";
import type { Placement } from "../../../lib/access/overlay.ts";
import { prefixSet } from "../../../lib/access/prefixes.ts";
import type { Verdict } from "../../../lib/access/verdicts.ts";
import { formatNetwork, parseCidr, parseNetwork } from "../../../lib/address/cidr.ts";
import { randomNumbers } from "../../helpers/bytes.ts";
import { t } from "../../helpers/t.ts";

const PURE = { permissions: "none" } as const;

const next = randomNumbers(9), random = (n: number) => next() % n;
const oneOf = <T>(all: readonly T[]) => all[random(all.length)]!;

/** Few addresses, so that ranges overlap, at both ends and in the middle of the address space. */
function address(isV6: boolean): string {
  if (!isV6) return `${oneOf(["0.0.0", "10.1.2", "255.255.255"])}.${random(16) * 17}`;
  const word = (random(16) * 0x1111).toString(16);
  return oneOf([`::${word}`, `2001:db8:${word}::1`, `2001:db8::${word}`, `ffff::${word}`]);
}

function range(isV6: boolean): string {
  const size = isV6 ? 128 : 32;
  const bits = oneOf([0, 1, 8, 24, size - 8, size - 6, size - 4, size - 2, size - 1, size, size]);
  return formatNetwork(parseNetwork(`${address(isV6)}/${bits}`));
}

const ranges = (most: number) => Array.from({ length: random(most) }, () => range(random(2) === 0));

function listOf(names: readonly string[] | undefined): AddressList | undefined {
  return names && {
    ...{ prefixes: prefixSet(names.map(parseNetwork)), given: names.length, files: [] },
  };
}

type Names = Readonly<Record<Verdict, string[] | undefined>>;

const randomNames = (): Names => ({
  allow: random(3) === 0 ? undefined : ranges(25),
  deny: random(3) === 0 ? undefined : ranges(25),
});

const configured = ({ allow, deny }: Names): ConfiguredLists => ({
  allow: listOf(allow),
  deny: listOf(deny),
});

/** Both lists, as sets of names. */
class Model {
  readonly changes = new Map<string, Placement>();
  constructor(readonly names: Names) {}

  get lists(): Record<Verdict, Set<string>> {
    const lists = { allow: new Set(this.names.allow), deny: new Set(this.names.deny) };
    for (const [name, to] of this.changes) {
      for (const list of Object.values(lists)) list.delete(name);
      if (to !== "removed") lists[to].add(name);
    }
    return lists;
  }

  /** A search through all ranges. */
  verdicts(): (client: string) => { verdict: Verdict; by: string | undefined } {
    const lists = this.lists, deniesOthers = this.names.allow !== undefined || lists.allow.size > 0;
    const all = (["deny", "allow"] as const).flatMap((verdict) =>
      [...lists[verdict]].map((by) => ({
        ...{ verdict, by, bits: Number(by.split("/")[1]), contains: parseCidr(by) },
      }))
    );
    return (client) => {
      const { network } = parseNetwork(client);
      const [first] = all.filter(({ contains }) => contains(network))
        .sort((a, b) => b.bits - a.bits);
      return { verdict: first?.verdict ?? (deniesOthers ? "deny" : "allow"), by: first?.by };
    };
  }
}

function change(model: Model): { name: string; to: Placement } {
  const known = [...model.names.allow ?? [], ...model.names.deny ?? [], ...model.changes.keys()];
  const name = known.length === 0 || random(4) === 0 ? range(random(2) === 0) : oneOf(known);
  return { name, to: oneOf(["allow", "deny", "removed", "removed"] as const) };
}

t("20,000 random lookups in random lists with random changes agree with a plain search", () => {
  let lookups = 0;
  while (lookups < 20_000) {
    const model = new Model(randomNames()), lists = new AccessLists(configured(model.names));
    for (let step = 0; step < 10; step++) {
      const changes = Array.from({ length: 1 + random(3) }, () => change(model));
      for (const { name, to } of changes) model.changes.set(name, to);
      lists.apply(changes.map(({ name, to }) => ({ network: parseNetwork(name), to })));
      const { allow, deny } = model.lists, verdictOf = model.verdicts();
      const about = JSON.stringify({ ...model.names, changes: [...model.changes] });
      assertEquals(lists.status("allow").ranges, allow.size, about);
      assertEquals(lists.status("deny").ranges, deny.size, about);
      for (let i = 0; i < 40; i++, lookups++) {
        const client = address(random(2) === 0), { verdict, by } = verdictOf(client);
        const found = lists.rules === undefined ? "allow" : accessVerdict(lists.rules, client);
        assertEquals(found, verdict, `${client}: ${about}`);
        if (i > 0) continue;
        const network = lists.rangeOf(client);
        assertEquals(network && formatNetwork(network), by, `${client}: ${about}`);
      }
    }
  }
}, PURE);

t("changes decide the same in any order, and after the same lists are read again", () => {
  for (let round = 0; round < 200; round++) {
    const model = new Model(randomNames());
    for (let i = 0; i < 12; i++) {
      const { name, to } = change(model);
      const isThere = model.names.allow?.includes(name) || model.names.deny?.includes(name);
      // A range that no option has cannot be removed from them.
      if (to !== "removed" || isThere) model.changes.set(name, to);
    }
    const changes = [...model.changes].map(([name, to]) => ({ network: parseNetwork(name), to }));
    const lists = new AccessLists(configured(model.names));
    lists.apply(changes.toReversed());
    // The same lists, in other memory.
    lists.configure(configured(model.names));
    const verdictOf = model.verdicts();
    for (let i = 0; i < 20; i++) {
      const client = address(random(2) === 0);
      const found = lists.rules === undefined ? "allow" : accessVerdict(lists.rules, client);
      assertEquals(found, verdictOf(client).verdict, client);
    }
  }
}, PURE);

t("a change costs the same with 200,000 configured ranges as without, also after 4,000", () => {
  const many = Array.from({ length: 200_000 }, (_, i) => {
    const high = 1 + (i >>> 16);
    return parseNetwork(
      i % 2 === 0
        ? `${high}.${(i >>> 8) & 0xff}.${i & 0xff}.0/24`
        : `2001:${(i >>> 8).toString(16)}:${(i & 0xff).toString(16)}::/48`,
    );
  });
  const deny = { prefixes: prefixSet(many), given: many.length, files: [] };
  const lists = new AccessLists({ allow: undefined, deny });
  const changes = Array.from({ length: 4000 }, (_, i) => ({
    network: parseNetwork(`100.${i >>> 8}.${i & 0xff}.7`),
    to: "deny" as const,
  }));
  // Not the time that passes: other tests run at the same time.
  const start = process.cpuUsage();
  for (const one of changes) lists.apply([one]);
  const { user, system } = process.cpuUsage(start), ms = (user + system) / 1000 / changes.length;
  assertEquals(accessVerdict(lists.rules!, "100.15.159.7"), "deny");
  // Compiling 200,000 ranges takes more than 50 ms.
  assertEquals({ fast: ms < 5 }, { fast: true }, `a change takes ${ms} ms`);
}, PURE);
