import { assertEquals } from "@std/assert";
import type { Claim } from "../../../lib/schedule/claim.ts";
import { claims } from "../../../lib/schedule/claims.ts";
import { newTable, type Table } from "../../../lib/table/table.ts";
import { t } from "../../helpers/t.ts";
import { clientWithHash } from "../../helpers/scheduled_client.ts";

const PURE = { permissions: "none" } as const;
const V4 = Uint8Array.of(127, 0, 0, 1);

/** A table from a text like `"3 2%"`: groups of 3 and 2 channels, `%` for a hash group. */
function tableOf(groups: string, maxc = 0): Table {
  const table = newTable({ groups: 4, channels: 8, workers: 1 });
  for (const [group, text] of groups.split(" ").entries()) {
    if (text.endsWith("%")) table.setSchedule(group, "hash");
    for (let i = 0; i < parseInt(text); i++) table.add(group, { address: V4, port: 80 + i, maxc });
  }
  return table;
}

interface Client {
  hash?: number;
  hashFailover?: boolean;
  trace?: (line: string) => void;
}

const chosenBy = (table: Table, { hash = 0, hashFailover = false, trace }: Client = {}) =>
  claims(table, clientWithHash(hash, hashFailover), { trace });

const named = ({ group, channel }: Claim): string => `${group}/${channel}`;

/** All channels that a client is offered if every dial fails. */
function offers(table: Table, client: Client = {}): string {
  const seen: string[] = [];
  for (const claim of chosenBy(table, client)) {
    seen.push(named(claim));
    claim[Symbol.dispose]();
  }
  return seen.join(" ");
}

/** The first choices of `count` clients that stay connected. */
function held(table: Table, count: number, client: Client = {}): string {
  return Array.from({ length: count }, () => {
    for (const claim of chosenBy(table, client)) return named(claim);
    return "-";
  }).join(" ");
}

t("claims() starts each client after the channel of the previous one", () => {
  assertEquals(held(tableOf("3"), 5), "0/0 0/1 0/2 0/0 0/1");
}, PURE);

t("claims() offers each channel of each group once, in order, and then ends", () => {
  const table = tableOf("3 2 1%");
  assertEquals(offers(table), "0/0 0/1 0/2 1/0 1/1 2/0");
  assertEquals(offers(newTable({ groups: 16, channels: 16, workers: 1 })), "");
}, PURE);

t("claims() wraps around from the cursor", () => {
  const table = tableOf("3");
  table.setCursor(0, 2);
  assertEquals(offers(table), "0/2 0/0 0/1");
}, PURE);

t(
  "claims(): failover advances the cursor, so that the next client skips the failed channel",
  () => {
    const table = tableOf("3");
    const client = chosenBy(table);
    using _first = client.next().value ?? undefined;
    assertEquals(table.cursor(0), 1);
    using _second = client.next().value ?? undefined;
    assertEquals(table.cursor(0), 2);
  },
  PURE,
);

t("claims(): failover does not move a cursor that another client has moved meanwhile", () => {
  const table = tableOf("4");
  const slow = chosenBy(table);
  using _first = slow.next().value ?? undefined;
  assertEquals(held(table, 2), "0/1 0/2");
  using second = slow.next().value ?? undefined;
  assertEquals(second && named(second), "0/1");
  assertEquals(held(table, 2), "0/3 0/0");
}, PURE);

t("claims() skips disabled, full and freed channels without counting", () => {
  const table = tableOf("5", 1);
  table.setState(0, 0, "disabled");
  table.enter(0, 1);
  table.remove(0, 2);
  table.setMaxc(0, 3, -1);
  assertEquals(offers(table), "0/4");
  assertEquals([...table.rows()].map(({ totalc }) => totalc), [0, 1, 0, 0, 1]);
}, PURE);

t("claims() uses the same cursor rule in later groups, entered by failover or not", () => {
  const table = tableOf("1 3 2");
  table.setState(1, 0, "disabled");
  table.setState(1, 2, "disabled");
  assertEquals(offers(table), "0/0 1/1 2/0 2/1");
  table.setState(0, 0, "disabled");
  assertEquals(offers(table), "1/1 2/0 2/1");
}, PURE);

t("claims(): a group without an available channel starts at its first channel again", () => {
  const table = tableOf("3 1");
  table.setCursor(0, 2);
  for (let i = 0; i < 3; i++) table.setState(0, i, "disabled");
  assertEquals(offers(table), "1/0");
  assertEquals(table.cursor(0), 0);
}, PURE);

t("claims() sees changes of the table since the last offer", () => {
  const table = tableOf("3");
  const client = chosenBy(table);
  client.next();
  table.setState(0, 1, "disabled");
  assertEquals(client.next().value?.channel, 2);
  table.setState(0, 1, "enabled");
  // This client has already passed it.
  assertEquals(client.next().done, true);
}, PURE);

t("claims() in a hash group offers one channel without -H, every channel once with it", () => {
  const table = tableOf("3% 1");
  assertEquals(offers(table, { hash: 4 }), "0/1 1/0");
  assertEquals(offers(table, { hash: 4, hashFailover: true }), "0/1 0/2 0/0 1/0");
}, PURE);

t("claims() in a hash group with -H continues after an unavailable channel", () => {
  const table = tableOf("3% 1");
  table.setState(0, 2, "disabled");
  assertEquals(offers(table, { hash: 2 }), "1/0");
  assertEquals(offers(table, { hash: 2, hashFailover: true }), "0/0 0/1 1/0");
}, PURE);

t("claims() divides a hash above 2^31 as an unsigned number", () => {
  assertEquals(offers(tableOf("7%"), { hash: 4294967295 }), `0/${4294967295 % 7}`);
}, PURE);

t(
  "claims(): a hash group sets its cursor after the choice, for a later switch to round robin",
  () => {
    const table = tableOf("3%");
    assertEquals(held(table, 1, { hash: 1 }), "0/1");
    table.setSchedule(0, "rr");
    assertEquals(held(table, 2), "0/2 0/0");
  },
  PURE,
);

t("claims() computes the hash only when it reaches a hash group, once per group", () => {
  let asked = 0;
  const ask = () => {
    asked++;
    return 0;
  };
  const table = tableOf("1 2% 2%");
  for (const claim of claims(table, clientWithHash(ask, true))) {
    claim[Symbol.dispose]();
    if (claim.group === 0) assertEquals(asked, 0);
  }
  assertEquals(asked, 2);
}, PURE);

t("claims() in hash groups with -H ends after each channel was offered once", () => {
  assertEquals(
    offers(tableOf("3% 2% 4%"), { hash: 3783458, hashFailover: true }),
    "0/2 0/0 0/1 1/0 1/1 2/2 2/3 2/0 2/1",
  );
}, PURE);

t("a claim counts while it is held; disposing it twice releases it once", () => {
  const table = tableOf("1");
  const claim = chosenBy(table).next().value ?? undefined;
  assertEquals([table.c(0, 0), table.row(0, 0).totalc], [1, 1]);
  claim?.[Symbol.dispose]();
  claim?.[Symbol.dispose]();
  assertEquals([table.c(0, 0), table.row(0, 0).totalc], [0, 1]);
}, PURE);

t("maxc is never exceeded, in any order of claims and releases", () => {
  const table = tableOf("2 1", 2);
  assertEquals(held(table, 7), "0/0 0/1 0/0 0/1 1/0 1/0 -");
  table.leave(table.account(0, 1));
  assertEquals(held(table, 2), "0/1 -");
}, PURE);

t("claims() prints the decision of a hash group with -d", () => {
  const debugLines = (table: Table, client: Client): string[] => {
    const lines: string[] = [];
    offers(table, { ...client, trace: (line) => lines.push(line) });
    return lines;
  };
  const table = tableOf("2%");
  assertEquals(debugLines(table, { hash: 4294967295 }), [
    "hash of client address: -1",
    "hash modulo 2 channels of group 0 is 1",
  ]);
  table.setState(0, 0, "disabled");
  assertEquals(debugLines(table, { hash: 2 }).slice(2), ["channel 0 of group 0 is not available"]);
  assertEquals(debugLines(table, { hash: 2, hashFailover: true }).slice(2), [
    "channel 0 of group 0 is not available",
    "-H found channel 1 in group 0",
  ]);
  table.setState(0, 1, "disabled");
  assertEquals(debugLines(table, { hash: 2, hashFailover: true }).slice(2), [
    "channel 0 of group 0 is not available",
    "-H found no other channel in group 0",
  ]);
  assertEquals(debugLines(tableOf("3"), {}), []);
}, PURE);
