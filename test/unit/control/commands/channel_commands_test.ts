import { assertEquals } from "@std/assert";
import { formatIp } from "../../../../lib/address/ip.ts";
import { CommandSession } from "../../../helpers/control/command_session.ts";
import { t } from "../../../helpers/t.ts";

const PURE = { permissions: "none" } as const;

t("create accepts host names, IPv4 and IPv6 addresses, service names and HOST:PORT", async () => {
  const cases: Readonly<Record<string, string>> = {
    "web 80": "127.0.0.1 80",
    "web smtp": "127.0.0.1 25",
    "10.1 8080": "10.0.0.1 8080",
    "10.0.0.1:99 8080": "10.0.0.1 99",
    "10.0.0.1: 8080": "10.0.0.1 8080",
    "::1 80": "::1 80",
    "2001:db8::1:2 80": "2001:db8::1:2 80",
    "[::1] 80": "::1 80",
    "[::1]:99 80": "::1 99",
  };
  for (const [words, expected] of Object.entries(cases)) {
    const hand = new CommandSession(0);
    await hand.expect({ [`create ${words}`]: "channel created" });
    const { address, port, state } = hand.table.row(0, 0);
    assertEquals(`${formatIp(address)} ${port} ${state}`, `${expected} disabled`, words);
  }
}, PURE);

t("create refuses an invalid address or port and adds no channel", async () => {
  const hand = new CommandSession();
  await hand.expect({
    "create no..such 80": "!invalid address",
    "create :80 90": "!invalid address",
    "create [::1 80": "!invalid address",
    "create [] 80": "!invalid address",
    "create web abc": "!invalid port [abc]",
    "create web 70000": "!invalid port [70000]",
    "create web -1": "!invalid port [-1]",
    "create web:x 80": "!invalid port [x]",
  });
  assertEquals(hand.table.length(0), 2);
  await hand.expect({ "create web 1": "channel created", "create web 2": "channel created" });
  await hand.expect({ "create web 3": "!no channel slots available" });
}, PURE);

t("assign changes the address of a disabled channel and keeps its counters", async () => {
  const hand = new CommandSession();
  hand.table.enter(0, 1);
  await hand.expect({
    "assign 1 10.0.0.1 99": "!channel must be disabled to assign new address",
    "disable 1": "channel 1 disabled",
    "assign 9 web 80": "!unknown channel",
    "assign x web 80": "!invalid number [x]",
    "assign 1 no..such 80": "!invalid address",
    "assign 1 web 99999": "!invalid port [99999]",
    "assign 1  10.0.0.1 99": "channel reassigned",
  });
  assertEquals(
    hand.row(1),
    "  0   RR  1 dis         10.0.0.1    99    1           1    0           0           0",
  );
}, PURE);

t("assign checks the channel again after the host name was resolved", async () => {
  for (const change of ["enable 1", "remove 1"]) {
    const hand = new CommandSession();
    await hand.expect({ "disable 1": "channel 1 disabled" });
    hand.meanwhile = () => {
      if (change === "enable 1") hand.table.setState(0, 1, "enabled");
      else hand.table.remove(0, 1);
    };
    await hand.expect({
      "assign 1 10.0.0.1 99": "!channel must be disabled to assign new address",
    });
    assertEquals(formatIp(hand.table.address(0, 1)), "127.0.0.1");
  }
}, PURE);

t("remove frees a slot that create reuses, and later channels keep their numbers", async () => {
  const hand = new CommandSession(3);
  hand.table.addSent(hand.table.account(0, 1), 5);
  await hand.expect({
    "remove 1": "!channel must be disabled to be removed",
    "remove 9": "!no such channel 9",
    "disable 1": "channel 1 disabled",
  });
  hand.table.enter(0, 1);
  await hand.expect({ "remove 1": "!channel 1 has 1 open connection" });
  hand.table.leave(hand.table.account(0, 1));
  await hand.expect({ "remove 1": "channel 1 removed" });
  assertEquals(
    hand.row(1),
    "  0   RR  1 ---                -     0    0           1    0           5           0",
  );
  assertEquals([...hand.table.rows()].filter(({ group }) => group === 0).length, 3);
  await hand.expect({
    "remove 1": "!no such channel 1",
    "enable 1": "!no such channel 1",
    "disable 1": "!no such channel 1",
    "maxc 1 5": "!unknown channel",
    "mrtg-bytes 0 1": "!unknown channel",
    "assign 1 web 80": "!unknown channel",
    "disable 2": "channel 2 disabled",
    "create 10.0.0.1 99": "channel created",
  });
  assertEquals(
    hand.row(1),
    "  0   RR  1 dis         10.0.0.1    99    0           0    0           0           0",
  );
  assertEquals(hand.table.port(0, 2), 8002);
  await hand.expect({ "create 10.0.0.2 99": "channel created" });
  assertEquals(hand.table.length(0), 4);
}, PURE);

t("enable and disable report when nothing changed, without failing", async () => {
  await new CommandSession().expect({
    "enable 0": "channel 0 already enabled",
    "disable 0": "channel 0 disabled",
    "disable 00": "channel 0 already disabled",
  });
}, PURE);
