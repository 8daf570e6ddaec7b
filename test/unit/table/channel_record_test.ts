import { assertEquals } from "@std/assert";
import { parseIp } from "../../../lib/address/ip.ts";
import { channelRecords } from "../../../lib/table/channel_record.ts";
import { newTable } from "../../../lib/table/table.ts";
import { t } from "../../helpers/t.ts";

const PURE = { permissions: "none" } as const;

t("a channel record has the keys of show --json in their order, free slots are left out", () => {
  const table = newTable({ groups: 2, channels: 3, workers: 1 });
  const address = parseIp("2001:db8::5")!;
  table.add(1, { address, port: 80 });
  table.add(1, { address, port: 81, maxc: 7 });
  table.remove(1, 0);
  table.addSent(table.account(1, 1), 2 ** 45);
  assertEquals(
    JSON.stringify(channelRecords(table)),
    '[{"group":1,"channel":1,"type":"rr","state":"enabled","address":"2001:db8::5","port":81,' +
      '"c":0,"totalc":0,"maxc":7,"sent":35184372088832,"rcvd":0,"health":"unknown","weight":1}]',
  );
}, PURE);
