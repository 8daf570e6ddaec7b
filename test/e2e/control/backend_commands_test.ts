/** Weights, schedules and new channels with attributes, changed while the program runs. */

import { assertEquals } from "@std/assert";
import { namedBackends } from "../../helpers/net/backends.ts";
import { distribution } from "../../helpers/net/client.ts";
import { controlSession } from "../../helpers/net/control_socket.ts";
import { runBalance } from "../../helpers/program/start_balance.ts";
import { startControlled } from "../../helpers/program/start_controlled.ts";
import { t } from "../../helpers/t.ts";

t("weight, schedule and create change at once where clients go", async () => {
  await using backends = namedBackends(3);
  const [first = "", second = "", third = ""] = backends.addresses;
  await using balance = await startControlled(["-f", "PORT", first, second]);
  using control = await controlSession(balance.socket);
  const ask = async (line: string) => (await control.ask(line)).text;
  assertEquals(await distribution(balance.port, 4), "B0: 2, B1: 2");
  assertEquals(await ask("weight 0 3"), "weight of channel 0.0 changed to 3\n");
  assertEquals(await distribution(balance.port, 8), "B0: 6, B1: 2");
  assertEquals(await ask("weight 0 0"), "weight of channel 0.0 changed to 0\n");
  assertEquals(await distribution(balance.port, 2), "B1: 2");
  assertEquals(await ask("weight 0 1"), "weight of channel 0.0 changed to 1\n");
  const port = third.split(":")[1];
  assertEquals(await ask(`create 127.0.0.1 ${port} weight=2`), "channel created\n");
  assertEquals(await distribution(balance.port, 2), "B0: 1, B1: 1");
  assertEquals(await ask("enable 2"), "channel 2 enabled\n");
  assertEquals(await distribution(balance.port, 8), "B0: 2, B1: 2, B2: 4");
  assertEquals(await ask("schedule first"), "group 0 set to first\n");
  assertEquals(await distribution(balance.port, 3), "B0: 3");
  assertEquals(await ask("rr"), "group 0 set to round robin\n");
  assertEquals(await distribution(balance.port, 4), "B0: 1, B1: 1, B2: 2");
});

t("a wrong attribute creates nothing, and programs cannot be started at run time", async () => {
  await using balance = await startControlled(["-f", "PORT", "127.0.0.1:9"]);
  const { port, rundir } = balance;
  for (
    const [text, reason] of [
      [
        "create localhost 80 weight=many",
        "invalid attribute [weight=many]: not a number from 0 to 256",
      ],
      [
        "create localhost 80 'check=exec:/bin/touch /x'",
        "check [exec:/bin/touch /x] is not allowed: balance was started without an exec check",
      ],
    ] as const
  ) {
    const argv = ["--strict", "-c", text, "PORT"];
    const { code, stdout } = await runBalance(argv, { port, rundir });
    assertEquals([code, stdout], [1, `${reason}\n`]);
  }
  const { stdout } = await runBalance(["-c", "show --json", "PORT"], { port, rundir });
  assertEquals(JSON.parse(stdout).length, 1);
});
