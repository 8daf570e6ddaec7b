import { assertEquals, assertMatch } from "@std/assert";
import { formatIp } from "../../../lib/address/ip.ts";
import { VERSION } from "../../../lib/base/version.ts";
import { COMMANDS } from "../../../lib/control/commands.ts";
import { t as test } from "../../helpers/t.ts";
import { CommandSession } from "../../helpers/control/command_session.ts";

const PURE = { permissions: "none" } as const;

/** The commands of 3.35 in its order; the first match of an abbreviation wins. */
const ORDER =
  "quit show help ? kill disable group reset enable create maxc mrtg-bytes mrtg-conns " +
  "version hash rr";

/** Registers a test that needs no permissions. */
function t(name: string, fn: () => void | Promise<void>): void {
  test(name, fn, PURE);
}

t("the commands of 3.35 come first, in the order of 3.35", () => {
  const names = COMMANDS.map(({ name }) => name);
  assertEquals(names.slice(0, 16).join(" "), ORDER);
  assertEquals(names.slice(16, 18), ["assign", "remove"]);
  assertEquals(new Set(names).size, names.length);
});

t("the abbreviations in the golden records run the same commands as in 3.35", async () => {
  const meanings: Readonly<Record<string, RegExp>> = {
    h: /^available commands/,
    "?": /^available commands/,
    ha: /^group 0 set to hash/,
    "r 0": /^channel 0 counters reset/,
    "m 0 1": /^maxc of channel 0/,
    "d 0": /^channel 0 disabled/,
    "e 0": /^channel 0 enabled/,
    "c web 80": /^channel created/,
    v: /^ {2}This is balance/,
    s: /^GRP Type/,
    k: /^syntax error/,
    ki: /^syntax error/,
    kil: /^syntax error/,
    kills: /^syntax error/,
  };
  const hand = new CommandSession();
  for (const [line, pattern] of Object.entries(meanings)) {
    assertMatch((await hand.type(line)).text, pattern, line);
  }
});

t("an argument that must be a number is checked, and the error names its value", async () => {
  const hand = new CommandSession();
  await hand.expect({
    "disable x": "!invalid number [x]",
    "disable 1x": "!invalid number [1x]",
    "disable 1.5": "!invalid number [1.5]",
    "disable 0x1": "!invalid number [0x1]",
    "disable 1e0": "!invalid number [1e0]",
    "disable -": "!invalid number [-]",
    "disable ١": "!invalid number [١]",
    "disable 99999999999999999999": "!invalid number [99999999999999999999]",
    "disable 99999999999": "!no such channel 99999999999",
    "disable -1": "!no such channel -1",
    "disable 2": "!no such channel 2",
    "reset 2": "!no such channel 2",
    "enable 4294967296": "!no such channel 4294967296",
    "disable +1": "channel 1 disabled",
    "enable 01": "channel 1 enabled",
    "maxc 9 1": "!unknown channel",
    "maxc 0 x": "!invalid number [x]",
    "maxc 0 2147483648": "!value out of range",
    "maxc 0 -2147483649": "!value out of range",
    "maxc 0 2147483647": "maxc of channel 0 changed to 2147483647",
    "maxc 0 -5": "maxc of channel 0 changed to -5",
    "group 4": "!value out of range",
    "group -1": "!value out of range",
    "group 256": "!value out of range",
    "group x": "!invalid number [x]",
    "mrtg-bytes 4 0": "!unknown group",
    "mrtg-bytes 0 2": "!unknown channel",
    "mrtg-bytes x 0": "!invalid number [x]",
  });
  assertEquals(hand.group, 0);
});

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
});

t("mrtg-bytes and mrtg-conns print two values, the uptime and the name", async () => {
  const hand = new CommandSession();
  hand.table.addSent(0, 1, 6);
  hand.table.addRcvd(0, 1, 9);
  hand.table.enter(0, 1);
  await hand.expect({
    "mrtg-bytes 0 1": "9\n6\nUNKNOWN\ngroup 0 channel 1",
    "mrtg-conns 0 1": "1\nUNKNOWN\nUNKNOWN\ngroup 0 channel 1",
    "reset 1": "channel 1 counters reset",
    "mrtg-bytes 0  1": "0\n0\nUNKNOWN\ngroup 0 channel 1",
  });
  assertEquals(hand.table.c(0, 1), 1);
});

t("create accepts host names, IPv4 and IPv6 addresses, service names and HOST:PORT", async () => {
  const cases: Readonly<Record<string, string>> = {
    "web 80": "127.0.0.1 80",
    "web smtp": "127.0.0.1 25",
    "10.1 8080": "10.0.0.1 8080",
    "10.0.0.1:99 8080": "10.0.0.1 99",
    "10.0.0.1:99 nonsense": "10.0.0.1 99",
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
});

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
});

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
});

t("assign checks the channel again after the host name was resolved", async () => {
  for (const change of ["enable 1", "remove 1"]) {
    const hand = new CommandSession();
    await hand.expect({ "disable 1": "channel 1 disabled" });
    hand.meanwhile = () => {
      if (change === "enable 1") hand.table.setEnabled(0, 1, true);
      else hand.table.remove(0, 1);
    };
    await hand.expect({
      "assign 1 10.0.0.1 99": "!channel must be disabled to assign new address",
    });
    assertEquals(formatIp(hand.table.address(0, 1)), "127.0.0.1");
  }
});

t("remove frees a slot that create reuses, and later channels keep their numbers", async () => {
  const hand = new CommandSession(3);
  hand.table.addSent(0, 1, 5);
  await hand.expect({
    "remove 1": "!channel must be disabled to be removed",
    "remove 9": "!no such channel 9",
    "disable 1": "channel 1 disabled",
  });
  hand.table.enter(0, 1);
  await hand.expect({ "remove 1": "!channel 1 has 1 open connections" });
  hand.table.leave(0, 1);
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
});

t("enable and disable report when nothing changed, without failing", async () => {
  await new CommandSession().expect({
    "enable 0": "channel 0 already enabled",
    "disable 0": "channel 0 disabled",
    "disable 00": "channel 0 already disabled",
  });
});

t("version prints the version and the table limits", async () => {
  const { text } = await new CommandSession().type("version");
  assertEquals(text, `  This is balance ${VERSION}\n  MAXGROUPS=4\n  MAXCHANNELS=4\n`);
});

t("quit and kill return an effect for the caller to carry out", async () => {
  const hand = new CommandSession();
  assertEquals(await hand.type("quit now"), { text: "", effect: "quit" });
  assertEquals((await hand.type("kill")).effect, "stop");
});
