import { assertEquals } from "@std/assert";
import { SCHEDULES } from "../../../lib/schedule/schedules.ts";
import { nextOf, type Schedule, type ScheduledClient } from "../../../lib/schedule/schedule.ts";
import { SCHEDULE_NAMES } from "../../../lib/table/states.ts";
import { newTable, type Table } from "../../../lib/table/table.ts";
import { t } from "../../helpers/t.ts";
import { clientWithHash } from "../../helpers/scheduled_client.ts";

const PURE = { permissions: "none" } as const;

const { rr: roundRobin, hash: hashSchedule } = SCHEDULES;

function tableOf(channels: number): Table {
  const table = newTable({ groups: 1, channels: 8, workers: 1 });
  for (let i = 0; i < channels; i++) {
    table.add(0, { address: Uint8Array.of(127, 0, 0, 1), port: 80 + i });
  }
  return table;
}

/** All channels that a schedule offers one client, in order. */
function offered(schedule: Schedule, table: Table, client: ScheduledClient = clientWithHash()) {
  const search = schedule.search(table, 0, client);
  const found: number[] = [];
  for (;;) {
    const channel = table.locked(() => nextOf(schedule, table, search));
    if (channel < 0) break;
    found.push(channel);
  }
  return found;
}

t("round robin offers every available channel once, from the cursor on", () => {
  const table = tableOf(4);
  table.setCursor(0, 2);
  table.setState(0, 3, "disabled");
  assertEquals(offered(roundRobin, table), [2, 0, 1]);
  assertEquals(table.cursor(0), 2);
}, PURE);

t("round robin reads the cursor when it chooses, not when the search starts", () => {
  const table = tableOf(3);
  const client = clientWithHash();
  const one = roundRobin.search(table, 0, client), two = roundRobin.search(table, 0, client);
  assertEquals([roundRobin.next(table, two), roundRobin.next(table, one)], [0, 1]);
}, PURE);

t("a hash group offers the hashed channel only, and with -H the others after it", () => {
  const table = tableOf(3), plain = clientWithHash(7);
  assertEquals(offered(hashSchedule, table, plain), [1]);
  assertEquals(offered(hashSchedule, table, clientWithHash(7, true)), [1, 2, 0]);
  table.setState(0, 1, "disabled");
  assertEquals(offered(hashSchedule, table, plain), []);
}, PURE);

t("schedules have the names that show and the commands use", () => {
  assertEquals(Object.keys(SCHEDULES), [...SCHEDULE_NAMES]);
}, PURE);
