import { assertEquals } from "@std/assert";
import { CommandSession } from "../../../helpers/control/command_session.ts";
import { t } from "../../../helpers/t.ts";

const PURE = { permissions: "none" } as const;

t("mrtg-bytes and mrtg-conns print two values, the uptime and the name", async () => {
  const hand = new CommandSession();
  hand.table.addSent(hand.table.account(0, 1), 6);
  hand.table.addRcvd(hand.table.account(0, 1), 9);
  hand.table.enter(0, 1);
  await hand.expect({
    "mrtg-bytes 0 1": "9\n6\nUNKNOWN\ngroup 0 channel 1",
    "mrtg-conns 0 1": "1\nUNKNOWN\nUNKNOWN\ngroup 0 channel 1",
    "reset 1": "channel 1 counters reset",
    "mrtg-bytes 0  1": "0\n0\nUNKNOWN\ngroup 0 channel 1",
  });
  assertEquals(hand.table.c(0, 1), 1);
}, PURE);
