/** The access log on standard output and in the system log. */

import { assertEquals, assertMatch } from "@std/assert";
import { named } from "../../helpers/net/backends.ts";
import { ask } from "../../helpers/net/client.ts";
import { syslogReceiver } from "../../helpers/net/syslog_receiver.ts";
import { startBackground } from "../../helpers/program/start_background.ts";
import { runBalance, startBalance } from "../../helpers/program/start_balance.ts";
import { t } from "../../helpers/t.ts";

t("--log - prints to stdout", async () => {
  await using server = named("B0");
  await using balance = await startBalance(["-f", "--log", "-", "PORT", server.address]);
  await ask(balance.port);
  await balance.waitForStdout(/^time=\S+ type=end id=1 \S.* reason=client_closed .*\n$/);
});

t(
  "--log /dev/stdout and /dev/stderr are the standard streams, also by their other names",
  async () => {
    await using server = named("B0");
    const line = /^time=\S+ type=end id=1 \S.* reason=client_closed .*\n$/;
    for (const path of ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"]) {
      await using balance = await startBalance(["-f", "--log", path, "PORT", server.address]);
      balance.kill("SIGUSR2");
      await ask(balance.port);
      await balance.waitForStdout(line);
    }
    for (const path of ["/dev/stderr", "/dev/fd/2", "/proc/self/fd/2"]) {
      await using balance = await startBalance(["-f", "--log", path, "PORT", server.address], {
        expectStderr: line,
      });
      balance.kill("SIGUSR2");
      await ask(balance.port);
      await balance.waitForStderr(line);
    }
  },
);

t("--log to a standard stream needs the foreground, and stdout for itself", async () => {
  for (
    const [argv, message] of [
      [
        ["--log", "/dev/stdout"],
        "--log /dev/stdout needs -f: there is no stdout in the background",
      ],
      [
        ["--log", "/dev/stderr"],
        "--log /dev/stderr needs -f: there is no stderr in the background",
      ],
      [["-f", "-p", "--log", "/dev/fd/1"], "--log /dev/fd/1 and -p both print on stdout"],
    ] as const
  ) {
    const { code, stderr } = await runBalance([...argv, "PORT", "127.0.0.1:1"]);
    assertEquals([code, stderr], [64, `balance: ${message}\n`]);
  }
});

t("--log - survives a reader that leaves or never reads", async () => {
  await using server = named("B0");
  await using balance = await startBalance(["-f", "--log", "-", "PORT", server.address], {
    expectStderr: /^cannot write log file \[-\], lines are dropped: Broken pipe\n\d+ lines of/,
  });
  await balance.abandonStdout();
  for (let i = 0; i < 3; i++) assertEquals(await ask(balance.port), "B0");
  await balance.waitForStderr(/Broken pipe/);
  await using stuck = await startBalance(["-f", "--log", "-", "PORT", server.address], {
    stdout: "unread",
  });
  assertEquals(await ask(stuck.port), "B0");
});

t("--log syslog sends lines without a time field", async () => {
  await using server = named("B0");
  await using receiver = syslogReceiver();
  await using balance = await startBackground(["--log", "syslog", "PORT", server.address], {
    env: { BALANCE_SYSLOG: receiver.path },
  });
  await ask(balance.port);
  const [line = ""] = await receiver.waitFor(1);
  assertMatch(line, /^<30>\w{3} [ \d]\d \d\d:\d\d:\d\d balance\[\d+\]: type=end id=1 client=/);
  assertEquals(receiver.messages.length, 1);
  balance.kill("SIGTERM");
  await balance.gone();
});
