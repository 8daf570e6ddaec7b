import { assertEquals } from "@std/assert";
import { type Claim, type ClaimOptions, claims } from "../../../lib/table/claims.ts";
import { newTable, type Table } from "../../../lib/table/table.ts";
import { t } from "../../helpers/t.ts";

const PURE = { permissions: "none" } as const;
const V4 = Uint8Array.of(127, 0, 0, 1);

/** A table from `"3 2%"`: groups of so many channels, `%` for a hash group. */
function tableOf(groups: string, maxc = 0): Table {
  const table = newTable({ groups: 4, channels: 8, workers: 1 });
  for (const [group, text] of groups.split(" ").entries()) {
    if (text.endsWith("%")) table.setType(group, "hash");
    for (let i = 0; i < parseInt(text); i++) table.add(group, { address: V4, port: 80 + i, maxc });
  }
  return table;
}

interface Client extends Partial<ClaimOptions> {
  hash?: number;
}

const chosenBy = (table: Table, { hash = 0, ...options }: Client = {}) =>
  claims(table, () => hash, { hashFailover: false, ...options });

const named = ({ group, channel }: Claim): string => `${group}/${channel}`;

/** Everything that a client is offered when nothing can be connected to. */
function offers(table: Table, client: Client = {}): string {
  const seen: string[] = [];
  for (const claim of chosenBy(table, client)) {
    seen.push(named(claim));
    claim[Symbol.dispose]();
  }
  return seen.join(" ");
}

/** The first choices of so many clients that stay. */
function held(table: Table, count: number, client: Client = {}): string {
  return Array.from({ length: count }, () => {
    for (const claim of chosenBy(table, client)) return named(claim);
    return "-";
  }).join(" ");
}

t("claims(): each client begins behind the one before", () => {
  assertEquals(held(tableOf("3"), 5), "0/0 0/1 0/2 0/0 0/1");
}, PURE);

t("claims() offers each channel once, all groups in turn, and then ends", () => {
  const table = tableOf("3 2 1%");
  assertEquals(offers(table), "0/0 0/1 0/2 1/0 1/1 2/0");
  assertEquals(offers(newTable({ groups: 16, channels: 16, workers: 1 })), "");
}, PURE);

t("claims() goes around from the cursor", () => {
  const table = tableOf("3");
  table.setCursor(0, 2);
  assertEquals(offers(table), "0/2 0/0 0/1");
}, PURE);

t("claims(): failover moves the cursor on, so that the next client does not meet it", () => {
  const table = tableOf("3");
  const client = chosenBy(table);
  using _first = client.next().value ?? undefined;
  assertEquals(table.cursor(0), 1);
  using _second = client.next().value ?? undefined;
  assertEquals(table.cursor(0), 2);
}, PURE);

t("claims(): failover leaves a cursor alone that somebody else has moved meanwhile", () => {
  const table = tableOf("4");
  const slow = chosenBy(table);
  using _first = slow.next().value ?? undefined;
  assertEquals(held(table, 2), "0/1 0/2");
  using second = slow.next().value ?? undefined;
  assertEquals(second && named(second), "0/1");
  assertEquals(held(table, 2), "0/3 0/0");
}, PURE);

t("claims() skips what is disabled, full or freed, and counts nothing there", () => {
  const table = tableOf("5", 1);
  table.setEnabled(0, 0, false);
  table.enter(0, 1);
  table.remove(0, 2);
  table.setMaxc(0, 3, -1);
  assertEquals(offers(table), "0/4");
  assertEquals([...table.rows()].map(({ totalc }) => totalc), [0, 1, 0, 0, 1]);
}, PURE);

t("claims(): the same rule holds in later groups, entered by failover or not", () => {
  const table = tableOf("1 3 2");
  table.setEnabled(1, 0, false);
  table.setEnabled(1, 2, false);
  assertEquals(offers(table), "0/0 1/1 2/0 2/1");
  table.setEnabled(0, 0, false);
  assertEquals(offers(table), "1/1 2/0 2/1");
}, PURE);

t("claims(): a group in which nothing is available starts at its first channel again", () => {
  const table = tableOf("3 1");
  table.setCursor(0, 2);
  for (let i = 0; i < 3; i++) table.setEnabled(0, i, false);
  assertEquals(offers(table), "1/0");
  assertEquals(table.cursor(0), 0);
}, PURE);

t("claims() sees what has changed since the last offer", () => {
  const table = tableOf("3");
  const client = chosenBy(table);
  client.next();
  table.setEnabled(0, 1, false);
  assertEquals(client.next().value?.channel, 2);
  table.setEnabled(0, 1, true);
  // It is behind this client's way now.
  assertEquals(client.next().done, true);
}, PURE);

t("claims() of a hash group: one try without -H, once around with it", () => {
  const table = tableOf("3% 1");
  assertEquals(offers(table, { hash: 4 }), "0/1 1/0");
  assertEquals(offers(table, { hash: 4, hashFailover: true }), "0/1 0/2 0/0 1/0");
}, PURE);

t("claims() of a hash group: -H goes on behind a channel that is not available", () => {
  const table = tableOf("3% 1");
  table.setEnabled(0, 2, false);
  assertEquals(offers(table, { hash: 2 }), "1/0");
  assertEquals(offers(table, { hash: 2, hashFailover: true }), "0/0 0/1 1/0");
}, PURE);

t("claims(): an unsigned hash above 2^31 is divided as it is", () => {
  assertEquals(offers(tableOf("7%"), { hash: 4294967295 }), `0/${4294967295 % 7}`);
}, PURE);

t("claims(): a hash group leaves its cursor behind the choice, for when it becomes rr", () => {
  const table = tableOf("3%");
  assertEquals(held(table, 1, { hash: 1 }), "0/1");
  table.setType(0, "rr");
  assertEquals(held(table, 2), "0/2 0/0");
}, PURE);

t("claims() asks for the hash only when a hash group is reached, once for each", () => {
  let asked = 0;
  const ask = () => {
    asked++;
    return 0;
  };
  const table = tableOf("1 2% 2%");
  for (const claim of claims(table, ask, { hashFailover: true })) {
    claim[Symbol.dispose]();
    if (claim.group === 0) assertEquals(asked, 0);
  }
  assertEquals(asked, 2);
}, PURE);

t("claims() of dead hash groups with -H end after each channel was offered once", () => {
  assertEquals(
    offers(tableOf("3% 2% 4%"), { hash: 3783458, hashFailover: true }),
    "0/2 0/0 0/1 1/0 1/1 2/2 2/3 2/0 2/1",
  );
}, PURE);

t("a claim is counted while it is held, and only once when disposed twice", () => {
  const table = tableOf("1");
  const claim = chosenBy(table).next().value ?? undefined;
  assertEquals([table.c(0, 0), table.row(0, 0).totalc], [1, 1]);
  claim?.[Symbol.dispose]();
  claim?.[Symbol.dispose]();
  assertEquals([table.c(0, 0), table.row(0, 0).totalc], [0, 1]);
}, PURE);

t("maxc holds whatever the order of coming and going", () => {
  const table = tableOf("2 1", 2);
  assertEquals(held(table, 7), "0/0 0/1 0/0 0/1 1/0 1/0 -");
  table.leave(0, 1);
  assertEquals(held(table, 2), "0/1 -");
}, PURE);

t("claims() tells with -d what a hash group decided", () => {
  const told = (table: Table, client: Client): string[] => {
    const lines: string[] = [];
    offers(table, { ...client, trace: (line) => lines.push(line) });
    return lines;
  };
  const table = tableOf("2%");
  assertEquals(told(table, { hash: 4294967295 }), [
    "hash of client address: -1",
    "hash modulo 2 channels of group 0 is 1",
  ]);
  table.setEnabled(0, 0, false);
  assertEquals(told(table, { hash: 2 }).slice(2), ["channel 0 of group 0 is not available"]);
  assertEquals(told(table, { hash: 2, hashFailover: true }).slice(2), [
    "channel 0 of group 0 is not available",
    "-H found channel 1 in group 0",
  ]);
  table.setEnabled(0, 1, false);
  assertEquals(told(table, { hash: 2, hashFailover: true }).slice(2), [
    "channel 0 of group 0 is not available",
    "-H found no other channel in group 0",
  ]);
  assertEquals(told(tableOf("3"), {}), []);
}, PURE);
