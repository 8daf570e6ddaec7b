import { assert, assertEquals } from "@std/assert";
import { parseIp } from "../../../lib/address/ip.ts";
import { show, showJson } from "../../../lib/table/show.ts";
import { SCHEDULE_NAMES } from "../../../lib/table/states.ts";
import { newTable } from "../../../lib/table/table.ts";
import { t } from "../../helpers/t.ts";

const PURE = { permissions: "none" } as const;

t("show() prints only the heading without channels, and rows of any width", () => {
  const table = newTable({ groups: 2, channels: 3, workers: 1 });
  const heading =
    "GRP Type  #   S       ip-address  port    c      totalc maxc        sent        rcvd\n";
  assertEquals(show(table), heading);
  const address = parseIp("2001:db8::5");
  assert(address);
  table.add(1, { address, port: 80, maxc: 1234567 });
  table.setSchedule(1, "hash");
  table.addSent(table.account(1, 0), 2 ** 45);
  assertEquals(
    show(table),
    `${heading}  1 Hash  0 ENA      2001:db8::5    80    0           0 1234567 35184372088832` +
      "           0\n",
  );
}, PURE);

t("showJson() names the engine with each channel", () => {
  const table = newTable({ groups: 1, channels: 2, workers: 1 });
  assertEquals(showJson(table, "epoll"), "[]\n");
  table.add(0, { address: Uint8Array.of(10, 0, 0, 1), port: 80 });
  const [row, ...others] = JSON.parse(showJson(table, "epoll"));
  assertEquals([row.address, row.port, row.engine, others], ["10.0.0.1", 80, "epoll", []]);
}, PURE);

t("show() has the same columns for every schedule and state", () => {
  const table = newTable({ groups: SCHEDULE_NAMES.length, channels: 5, workers: 1 });
  for (const [group, name] of SCHEDULE_NAMES.entries()) {
    table.setSchedule(group, name);
    for (let port = 1; port <= 5; port++) {
      table.add(group, { address: Uint8Array.of(10, 0, 0, port), port });
    }
    table.setState(group, 1, "disabled");
    table.setHealth(group, 1, "down");
    table.setHealth(group, 2, "down");
    table.setState(group, 3, "draining");
    table.setHealth(group, 3, "down");
    table.remove(group, 4);
  }
  const [heading = "", ...rows] = show(table).trimEnd().split("\n");
  assertEquals(rows.map((row) => row.slice(4, 8)), [
    ...["  RR", "Hash", " Lst", "Rand", " 1st", "Cons"].flatMap((type) => Array(5).fill(type)),
  ]);
  const states = rows.map((row) => row.slice(12, 15));
  assertEquals(states.slice(0, 5), ["ENA", "dis", "DWN", "drn", "---"]);
  assertEquals(states, SCHEDULE_NAMES.flatMap(() => states.slice(0, 5)));
  assertEquals(
    rows[2],
    "  0   RR  2 DWN         10.0.0.3     3    0           0    0           0           0",
  );
  for (const row of rows) assertEquals(row.length, heading.length);
}, PURE);
