import { assert, assertEquals } from "@std/assert";
import { CommandSession } from "../../../helpers/control/command_session.ts";
import { fakeHealth } from "../../../helpers/control/fake_health.ts";
import { t } from "../../../helpers/t.ts";

const PURE = { permissions: "none" } as const;

t("weight changes the weight of a channel, and names it in full", async () => {
  const hand = new CommandSession();
  await hand.expect({
    "weight 1 3": "weight of channel 0.1 changed to 3",
    "weight 1.0 256": "weight of channel 1.0 changed to 256",
    "weight 0 0": "weight of channel 0.0 changed to 0",
    "weight 0 257": "!invalid weight [257]: not a number from 0 to 256",
    "weight 0 -1": "!invalid weight [-1]: not a number from 0 to 256",
    "weight 0 1.5": "!invalid weight [1.5]: not a number from 0 to 256",
    "weight 9 1": "!no such channel 9",
    "weight 0": "!usage: weight <channel> <weight>",
  });
  assertEquals([0, 1].map((channel) => hand.table.weight(0, channel)), [0, 3]);
  assertEquals(hand.table.weight(1, 0), 256);
}, PURE);

t("schedule changes the schedule of a group, by default of the current one", async () => {
  const hand = new CommandSession();
  await hand.expect({
    "schedule least": "group 0 set to least",
    "schedule consistent 1": "group 1 set to consistent",
    "schedule rr 2": "group 2 set to round robin",
    "schedule bogus":
      "!invalid schedule [bogus]: not one of rr, hash, least, random, first, consistent",
    "schedule least 4": "!value out of range",
    "schedule": "!usage: schedule <name> [group]",
  });
  assertEquals([0, 1, 2].map((group) => hand.table.schedule(group)), ["least", "consistent", "rr"]);
  await hand.expect({ "hash": "group 0 set to hash", "rr 1": "group 1 set to round robin" });
  assertEquals([0, 1].map((group) => hand.table.schedule(group)), ["hash", "rr"]);
}, PURE);

t("create takes attributes, and adds nothing if one of them is wrong", async () => {
  const health = fakeHealth();
  const hand = new CommandSession(2, health);
  await hand.expect({
    "create web 80 weight=3 check=http:/health=200,401 check-port=8008": "channel created",
    "create web 80 weight=3 weight=4": "!invalid attribute [weight=4]: weight is given twice",
    "create web 80 nonsense": "!invalid attribute [nonsense]: an attribute is KEY=VALUE",
    "create web 80 weight=300": "!invalid attribute [weight=300]: not a number from 0 to 256",
    "create web 80 'check=exec:/bin/true -x'":
      "!check [exec:/bin/true -x] is not allowed: balance was started without an exec check",
    "create": "!syntax error",
  });
  assertEquals(hand.table.length(0), 3);
  assertEquals([hand.table.weight(0, 2), hand.table.state(0, 2)], [3, "disabled"]);
  const attributes = '{"weight":3,"check":"http:/health=200,401","checkPort":8008}';
  assertEquals(health.calls, [`0.2 created ${attributes}`]);
  await hand.expect({
    "assign 2 web 81": "channel reassigned",
    "remove 2": "channel 2 removed",
  });
  assertEquals(health.calls.slice(1), ["0.2 changed", "0.2 changed"]);
}, PURE);

t("check changes the check of a channel; exec only if the program may run programs", async () => {
  const health = fakeHealth();
  const hand = new CommandSession(2, health);
  await hand.expect({
    "check 0 tcp": "check of channel 0.0 changed to tcp",
    'check 1.0 "send:GET / HTTP/1.0\\r\\n\\r\\n/expect:200 OK"':
      "check of channel 1.0 changed to send:GET / HTTP/1.0\\r\\n\\r\\n/expect:200 OK",
    "check 1 none": "check of channel 0.1 changed to none",
    "check 1 default": "check of channel 0.1 changed to http:/",
    "check 1 exec:/bin/true":
      "!check [exec:/bin/true] is not allowed: balance was started without an exec check",
    "check 5 tcp": "!no such channel 5",
    "check 0": "!usage: check <channel> <check>",
    "check 0 exec:/bin/true -x": "!too many words: check <channel> <check>",
  });
  assert((await hand.type("check 0 bogus")).text.startsWith("invalid check [bogus]: "));
  assertEquals(health.calls.map((call) => call.split(" ").slice(0, 3).join(" ")), [
    "0.0 check tcp",
    "1.0 check send:GET",
    "0.1 check none",
    "0.1 check default",
  ]);
  const other = fakeHealth({ mayExec: true });
  await new CommandSession(2, other).expect({
    "check 1 'exec:/bin/true -x'": "check of channel 0.1 changed to exec:/bin/true -x",
    "create web 80 'check=exec:/bin/true -y'": "channel created",
  });
  assertEquals(other.calls, [
    "0.1 check exec:/bin/true -x",
    '0.2 created {"check":"exec:/bin/true -y"}',
  ]);
}, PURE);

t("checks shows health, since when, the next probe, the weight and the last result", async () => {
  const health = fakeHealth();
  const hand = new CommandSession(2, health);
  const now = Date.now();
  hand.table.setWeight(0, 0, 4);
  hand.table.setRamp(0, 0, 10);
  hand.table.setWeight(1, 0, 0);
  Object.assign(health.statuses, {
    "0.0": {
      spec: "http:/health",
      health: "down",
      sinceMs: now - 125_500,
      last: { ok: true, text: "HTTP 200\x1b", ms: 12.4, atMs: now - 1500 },
      rise: { count: 1, of: 2 },
      nextInMs: 640,
    },
    "0.1": { spec: "none", caution: "suspect" },
    "1.0": {
      health: "up",
      sinceMs: now - 90_000_500,
      last: { ok: false, text: "connection refused", ms: 0.3, atMs: now - 500 },
      fall: { count: 2, of: 3 },
    },
  });
  assertEquals((await hand.type("checks")).text.split("\n"), [
    "channel  address         check         health            since  next  ago  weight  last result",
    "    0.0  127.0.0.1:8000  http:/health  down              2m05s  0.6s   1s   0.4/4  " +
    "HTTP 200\\x1b in 12 ms (1 of 2 successes)",
    "    0.1  127.0.0.1:8001  none          unknown, suspect     0s     -    -       1  -",
    "    1.0  127.0.0.1:9000  tcp           up                1d01h     -   0s       0  " +
    "connection refused in 0 ms (2 of 3 failures)",
    "",
  ]);
  const rows = JSON.parse((await hand.type("checks --json")).text);
  assertEquals(rows.length, 3);
  assertEquals(
    [rows[0].group, rows[0].channel, rows[0].address, rows[0].port, rows[0].spec, rows[0].health],
    [0, 0, "127.0.0.1", 8000, "http:/health", "down"],
  );
  assertEquals(rows[0].last.text, "HTTP 200\x1b");
  assertEquals([rows[0].weight, rows[0].effectiveWeight], [4, 0.4]);
  await hand.expect({ "checks all": "!usage: checks [--json]" });
}, PURE);
