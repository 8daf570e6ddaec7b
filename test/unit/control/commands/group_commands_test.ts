import { assertEquals } from "@std/assert";
import { CommandSession } from "../../../helpers/control/command_session.ts";
import { t } from "../../../helpers/t.ts";

const PURE = { permissions: "none" } as const;

t("group selects the group for the other commands; mrtg-* take it as an argument", async () => {
  const hand = new CommandSession();
  await hand.expect({
    "group 1": "",
    "disable 0": "channel 0 disabled",
    "disable 1": "!no such channel 1",
    "hash": "group 1 set to hash",
    "mrtg-conns 0 1": "0\nUNKNOWN\nUNKNOWN\ngroup 0 channel 1",
    "group 3": "",
    "create web 80": "channel created",
    "group 0": "",
    "rr": "group 0 set to round robin",
  });
  assertEquals(
    [...hand.table.rows()].map(({ group, channel, type, state }) =>
      `${group}.${channel} ${type} ${state}`
    ),
    ["0.0 rr enabled", "0.1 rr enabled", "1.0 hash disabled", "3.0 rr disabled"],
  );
}, PURE);
