import { assert, assertEquals } from "@std/assert";
import { parseIp } from "../../../lib/address/ip.ts";
import { show } from "../../../lib/table/show.ts";
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
