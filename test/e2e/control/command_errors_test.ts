import { assertEquals } from "@std/assert";
import { namedBackends } from "../../helpers/net/backends.ts";
import { distribution } from "../../helpers/net/client.ts";
import { controlSession } from "../../helpers/net/control_socket.ts";
import { runBalance } from "../../helpers/program/start_balance.ts";
import { startControlled } from "../../helpers/program/start_controlled.ts";
import { t } from "../../helpers/t.ts";

t("invalid commands are answered with an error, and change nothing", async () => {
  await using backends = namedBackends(2);
  await using balance = await startControlled(["-f", "PORT", ...backends.addresses]);
  using session = await controlSession(balance.socket);
  const before = (await session.ask("show")).text;
  for (
    const [line, answer] of [
      ["disable", "syntax error"],
      ["disable x", "invalid number [x]"],
      ["disable 2", "no such channel 2"],
      ["enable -1", "no such channel -1"],
      ["maxc 0", "syntax error"],
      ["maxc 0 1e3", "invalid number [1e3]"],
      ["maxc 2 1", "unknown channel"],
      ["group 16", "value out of range"],
      ["create 127.0.0.1", "syntax error"],
      ["create 127.0.0.1 70000", "invalid port [70000]"],
      ["create no..such 80", "invalid address"],
      ["create 256.0.0.1 80", "invalid address"],
      ["assign 0 127.0.0.1 80", "channel must be disabled to assign new address"],
      ["assign 7 127.0.0.1 80", "unknown channel"],
      ["remove 0", "channel must be disabled to be removed"],
      ["remove 7", "no such channel 7"],
      ["delete 0", "syntax error"],
      ["mrtg-bytes 16 0", "unknown group"],
      ["mrtg-bytes 0 2", "unknown channel"],
      ["k", "syntax error"],
      ["\x1b[A", "syntax error"],
      ["ÄÖÜ", "syntax error"],
    ] as const
  ) {
    assertEquals(await session.ask(line).then(({ text, failed }) => [text, failed]), [
      `${answer}\n`,
      true,
    ]);
  }
  assertEquals((await session.ask("show")).text, before);
  assertEquals(await distribution(balance.port, 4), "B0: 2, B1: 2");
});

t("a command that fails ends with 1 with --strict, and with 0 without it", async () => {
  await using balance = await startControlled(["-f", "PORT", "127.0.0.1:9"]);
  const { port, rundir } = balance;
  for (
    const [command, stdout, strict] of [
      ["disable 9", "no such channel 9\n", 1],
      ["bogus", "syntax error\n", 1],
      ["group 99", "value out of range\n", 1],
      ["enable 0", "channel 0 already enabled\n", 0],
      ["", "", 0],
      ["quit", "", 0],
    ] as const
  ) {
    const loose = await runBalance(["-c", command, "PORT"], { port, rundir });
    assertEquals([loose.code, loose.stdout, loose.stderr], [0, stdout, ""], command);
    const tight = await runBalance(["--strict", "-c", command, "PORT"], { port, rundir });
    assertEquals([tight.code, tight.stdout, tight.stderr], [strict, stdout, ""], command);
  }
});
