import { assertEquals } from "@std/assert";
import { AccessLists, isDenied } from "../../../lib/access/access_lists.ts";
import { prefixSet } from "../../../lib/access/prefixes.ts";
import { formatNetwork, parseNetwork } from "../../../lib/address/cidr.ts";
import { t } from "../../helpers/t.ts";

const PURE = { permissions: "none" } as const;

const list = (...ranges: string[]) => ({
  prefixes: prefixSet(ranges.map(parseNetwork)),
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
  return clients.filter((client) => rules !== undefined && isDenied(rules, client));
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

t("a range moves between the lists, and what is as configured is no change", () => {
  const lists = new AccessLists({ allow: list("10.0.0.0/8", "::1"), deny: list("10.1.0.0/16") });
  const clients = ["10.2.2.2", "10.1.1.1", "::1", "9.9.9.9"];
  assertEquals(denied(lists, ...clients), ["10.1.1.1", "9.9.9.9"]);
  lists.apply([change("10.1.9.9/16", "allow"), change("::1", "deny"), change("9.9.9.9", "allow")]);
  assertEquals(denied(lists, ...clients), ["::1"]);
  assertEquals(changesOf(lists), ["10.1.0.0/16 allow", "::1/128 deny", "9.9.9.9/32 allow"]);
  assertEquals(lists.status("allow").ranges, 3);
  assertEquals(lists.status("allow").added, 2);
  lists.apply([
    change("10.1.0.0/16", "deny"),
    change("::1", "allow"),
    change("9.9.9.9", "removed"),
  ]);
  assertEquals(changesOf(lists), []);
  assertEquals(denied(lists, ...clients), ["10.1.1.1", "9.9.9.9"]);
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
