import { assert, assertEquals } from "@std/assert";
import type { DialFailure } from "../../../lib/base/reason.ts";
import type { Claim } from "../../../lib/schedule/claim.ts";
import { dialFailed, dialSucceeded, type PassiveRules } from "../../../lib/schedule/verdict.ts";
import { CROWDED, LAST_RESORT, newTable, type Table, USABLE } from "../../../lib/table/table.ts";
import { claims } from "../../../lib/schedule/claims.ts";
import { DEFAULT_PASSIVE } from "../../helpers/connection/passive_rules.ts";
import { clientWithHash } from "../../helpers/scheduled_client.ts";
import { claimFor, pick, scheduleTable } from "../../helpers/schedule_table.ts";
import { t } from "../../helpers/t.ts";

const PURE = { permissions: "none" } as const;
const THREE: PassiveRules = { ...DEFAULT_PASSIVE, failures: 3 };

/** A claim of channel 0, the only one that is free. */
function claimOfFirst(table: Table): Claim {
  const claim = claimFor(table);
  assert(claim !== undefined, "no channel is available");
  assertEquals(claim.channel, 0);
  return claim;
}

/** A client connects to channel 0 in vain. @returns What that changed. */
function fail(table: Table, failure: DialFailure, rules = DEFAULT_PASSIVE): string | undefined {
  using claim = claimOfFirst(table);
  const event = dialFailed(table, claim, { failure, rules });
  return event && `${event.kind} ${event.text}`.trimEnd();
}

function succeed(table: Table): string | undefined {
  using claim = claimOfFirst(table);
  return dialSucceeded(table, claim)?.kind;
}

t("a connect timeout makes a channel suspect: the last resort, and one client probes it", () => {
  const table = scheduleTable("first", [1, 1]);
  assertEquals(fail(table, "timeout"), "suspect connect timeout");
  assertEquals([pick(table), table.usable(0, 0)], [1, LAST_RESORT]);
  table.setState(0, 1, "disabled");
  {
    using only = claimOfFirst(table);
    assertEquals([only.isProbe, table.usable(0, 0)], [true, CROWDED]);
    // It is better served late than turned away.
    using other = claimOfFirst(table);
    assertEquals(other.isProbe, false);
    const waiting = claims(table, clientWithHash(), { barred: () => false });
    assertEquals(waiting.next().value, undefined);
  }
  assertEquals(succeed(table), "cleared");
  assertEquals(table.usable(0, 0), USABLE);
}, PURE);

t("a suspect channel of the first group is used after those of later groups", () => {
  const table = newTable({ groups: 2, channels: 1, workers: 1 });
  for (const group of [0, 1]) table.add(group, { address: new Uint8Array(4), port: 80 });
  table.setCaution(0, 0, "suspect");
  const order = Array.from(claims(table, clientWithHash()), (claim) => claim.group);
  assertEquals(order, [1, 0]);
}, PURE);

t("without --passive a refused connect changes nothing", () => {
  const table = scheduleTable("first", [1]);
  for (let i = 0; i < 10; i++) assertEquals(fail(table, "refused"), undefined);
  assertEquals([table.usable(0, 0), table.failures(0, 0)], [USABLE, 0]);
}, PURE);

t("a suspect channel that refuses is no longer suspect, since it answers at once", () => {
  const table = scheduleTable("first", [1]);
  fail(table, "timeout");
  assertEquals(fail(table, "refused"), "cleared");
  assertEquals(table.usable(0, 0), USABLE);
}, PURE);

t("--passive off: a connect timeout changes nothing", () => {
  const table = scheduleTable("first", [1]);
  assertEquals(fail(table, "timeout", { ...DEFAULT_PASSIVE, suspects: false }), undefined);
  assertEquals(table.usable(0, 0), USABLE);
}, PURE);

t("--passive 3: three failures in a row make it down, and a success starts anew", () => {
  const table = scheduleTable("first", [1]);
  assertEquals([fail(table, "refused", THREE), fail(table, "refused", THREE)], [
    undefined,
    undefined,
  ]);
  assertEquals(succeed(table), undefined);
  assertEquals([fail(table, "refused", THREE), fail(table, "reset", THREE)], [
    undefined,
    undefined,
  ]);
  assertEquals(fail(table, "refused", THREE), "down connection refused (3 of 3 attempts)");
  assertEquals([table.health(0, 0), table.available(0, 0)], ["down", false]);
}, PURE);

t("a half-open channel gets one client at a time, whose success makes it up", () => {
  const table = scheduleTable("first", [1]);
  for (let i = 0; i < 3; i++) fail(table, "refused", THREE);
  table.setCaution(0, 0, "half open");
  {
    using prober = claimOfFirst(table);
    assertEquals([prober.isProbe, claimFor(table)], [true, undefined]);
    assertEquals(dialFailed(table, prober, { failure: "refused", rules: THREE })?.kind, "down");
    assertEquals(claimFor(table), undefined);
  }
  table.setCaution(0, 0, "half open");
  assertEquals(succeed(table), "up");
  assertEquals([table.health(0, 0), table.failures(0, 0)], ["up", 0]);
}, PURE);

t("a half-open channel whose client leaves during the connect gets the next client", () => {
  const table = scheduleTable("first", [1]);
  table.setCaution(0, 0, "half open");
  {
    using prober = claimOfFirst(table);
    assertEquals(
      dialFailed(table, prober, { failure: "cancelled", rules: DEFAULT_PASSIVE }),
      undefined,
    );
  }
  assertEquals(succeed(table), "cleared");
}, PURE);

t("connects from before the channel went down do not make it up", () => {
  const table = scheduleTable("first", [1]);
  using early = claimOfFirst(table);
  table.setHealth(0, 0, "down");
  assertEquals(dialSucceeded(table, early), undefined);
  assertEquals(table.health(0, 0), "down");
}, PURE);

t("a channel with an active check does not come up because a client got through", () => {
  const table = scheduleTable("first", [1]);
  table.setHealth(0, 0, "down");
  table.setCaution(0, 0, "half open");
  table.setChecked(0, 0, true);
  assertEquals(succeed(table), "cleared");
  assertEquals([table.health(0, 0), table.available(0, 0)], ["down", false]);
}, PURE);

t("a connect to a backend that the channel no longer has changes nothing", () => {
  const table = scheduleTable("first", [1]);
  using former = claimOfFirst(table);
  table.assign(0, 0, { address: Uint8Array.of(10, 0, 0, 9), port: 80 });
  const dropped = { failure: "timeout", rules: { ...THREE, failures: 1 } } as const;
  assertEquals(dialFailed(table, former, dropped), undefined);
  assertEquals([table.health(0, 0), table.usable(0, 0)], ["unknown", USABLE]);
}, PURE);

t("shortages of this process do not blame the backend", () => {
  const table = scheduleTable("first", [1]);
  const rules = { suspects: true, failures: 1, rests: true };
  for (const failure of ["no descriptor", "no local port", "cancelled"] as const) {
    assertEquals(fail(table, failure, rules), undefined);
  }
  assertEquals(table.usable(0, 0), USABLE);
}, PURE);

t("--wait: after a failed connect a channel rests", () => {
  const table = scheduleTable("first", [1]);
  assertEquals(
    fail(table, "refused", { ...DEFAULT_PASSIVE, rests: true }),
    "resting connection refused",
  );
  assertEquals(table.available(0, 0), false);
}, PURE);
