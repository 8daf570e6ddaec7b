import { assertEquals } from "@std/assert";
import { AccessLists, accessVerdict } from "../../../lib/access/access_lists.ts";
import { prefixSet } from "../../../lib/access/prefixes.ts";
import { formatNetwork, parseNetwork } from "../../../lib/address/cidr.ts";
import { t } from "../../helpers/t.ts";

const PURE = { permissions: "none" } as const;

const list = (...ranges: string[]) => ({
  prefixes: prefixSet(ranges.map(parseNetwork)),
  given: ranges.length,
  files: [],
});
const change = (range: string, to: "allow" | "deny" | "removed") => ({
  network: parseNetwork(range),
  to,
});

/** What was changed, as texts. */
function changesOf({ changes }: AccessLists): string[] {
  return changes.map(({ network, to }) => `${formatNetwork(network)} ${to}`);
}

function denied({ rules }: AccessLists, ...clients: string[]): string[] {
  return clients.filter((client) => rules !== undefined && accessVerdict(rules, client) === "deny");
}

t(
  "without lists everyone may connect; with an allow list, even an empty one, others may not",
  () => {
    assertEquals(new AccessLists({ allow: undefined, deny: undefined }).rules, undefined);
    const empty = new AccessLists({ allow: list(), deny: undefined });
    assertEquals(denied(empty, "1.1.1.1", "::1", "-"), ["1.1.1.1", "::1", "-"]);
    assertEquals(denied(new AccessLists({ allow: undefined, deny: list() }), "1.1.1.1"), []);
  },
  PURE,
);

t("a range moves between the lists, and the last place counts", () => {
  const lists = new AccessLists({ allow: list("10.0.0.0/8", "::1"), deny: list("10.1.0.0/16") });
  const clients = ["10.2.2.2", "10.1.1.1", "::1", "9.9.9.9"];
  assertEquals(denied(lists, ...clients), ["10.1.1.1", "9.9.9.9"]);
  lists.apply([change("10.1.9.9/16", "allow"), change("::1", "deny"), change("9.9.9.9", "allow")]);
  assertEquals(denied(lists, ...clients), ["::1"]);
  assertEquals(changesOf(lists), ["10.1.0.0/16 allow", "::1/128 deny", "9.9.9.9/32 allow"]);
  assertEquals(lists.status("allow").ranges, 3);
  lists.apply([
    change("10.1.0.0/16", "deny"),
    change("::1", "removed"),
    change("9.9.9.9", "removed"),
  ]);
  assertEquals(changesOf(lists), ["10.1.0.0/16 deny", "::1/128 removed"]);
  assertEquals(denied(lists, ...clients), ["10.1.1.1", "::1", "9.9.9.9"]);
}, PURE);

t("the numbers of a list add up: given, from files, duplicates, added and removed", () => {
  const deny = {
    ...list("10.0.0.0/8", "10.0.0.1", "10.0.0.2", "::1"),
    given: 2,
    files: [{ file: "a", count: 3 }, { file: "b", count: 1 }],
  };
  const lists = new AccessLists({ allow: list("10.0.0.2"), deny });
  lists.apply([
    change("10.0.0.1", "removed"),
    change("10.0.0.2", "allow"),
    change("10.0.0.3", "deny"),
    change("::1", "deny"),
  ]);
  const { files, given } = deny;
  assertEquals(
    { ...lists.status("deny") },
    { exists: true, ranges: 3, given, files, duplicates: 2, added: 1, removed: 2 },
  );
  assertEquals(
    lists.status("allow"),
    { exists: true, ranges: 1, given: 1, files: [], duplicates: 0, added: 0, removed: 0 },
  );
}, PURE);

t("what an operator denied stays denied after a reload with the same and one without it", () => {
  const lists = new AccessLists({ allow: undefined, deny: list() });
  lists.apply([change("10.0.0.1", "deny")]);
  lists.configure({ allow: undefined, deny: list("10.0.0.1") });
  assertEquals(lists.status("deny").ranges, 1);
  lists.configure({ allow: undefined, deny: list() });
  assertEquals(denied(lists, "10.0.0.1"), ["10.0.0.1"]);
  lists.apply([change("10.0.0.1", "removed")]);
  assertEquals(denied(lists, "10.0.0.1"), []);
  assertEquals(changesOf(lists), []);
}, PURE);

t("an allow list that an operator made ends with its last range", () => {
  const lists = new AccessLists({ allow: undefined, deny: list("10.0.0.0/8") });
  lists.apply([change("10.0.0.1", "allow")]);
  assertEquals(denied(lists, "10.0.0.1", "10.0.0.2", "9.9.9.9"), ["10.0.0.2", "9.9.9.9"]);
  lists.apply([change("10.0.0.1", "removed")]);
  assertEquals(denied(lists, "10.0.0.1", "10.0.0.2", "9.9.9.9"), ["10.0.0.1", "10.0.0.2"]);
}, PURE);

t(
  "other lists keep an operator's change, unless they have that range elsewhere than before",
  () => {
    const lists = new AccessLists({ allow: undefined, deny: list("10.0.0.1", "10.0.0.2") });
    lists.apply([
      change("10.0.0.1", "removed"),
      change("10.0.0.2", "removed"),
      change("10.0.0.3", "deny"),
      change("10.0.0.4", "deny"),
    ]);
    lists.configure({ allow: list("10.0.0.3"), deny: list("10.0.0.1", "10.0.0.5") });
    assertEquals(changesOf(lists), ["10.0.0.1/32 removed", "10.0.0.4/32 deny"]);
    assertEquals(
      denied(lists, "10.0.0.1", "10.0.0.3", "10.0.0.4", "10.0.0.5"),
      ["10.0.0.1", "10.0.0.4", "10.0.0.5"],
    );
  },
  PURE,
);
