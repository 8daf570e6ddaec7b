/** The access log on standard output and in the system log. */

import { assertEquals, assertMatch } from "@std/assert";
import { named } from "../../helpers/net/backends.ts";
import { ask } from "../../helpers/net/client.ts";
import { syslogReceiver } from "../../helpers/net/syslog_receiver.ts";
import { startBackground } from "../../helpers/program/start_background.ts";
import { startBalance } from "../../helpers/program/start_balance.ts";
import { t } from "../../helpers/t.ts";

t("--log - prints to stdout", async () => {
  await using server = named("B0");
  await using balance = await startBalance(["-f", "--log", "-", "PORT", server.address]);
  await ask(balance.port);
  await balance.waitForStdout(/^time=\S+ type=end id=1 \S.* reason=client_closed .*\n$/);
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
