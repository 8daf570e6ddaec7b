import { assertEquals } from "@std/assert";
import { named } from "../../helpers/net/backends.ts";
import { ask } from "../../helpers/net/client.ts";
import { talk } from "../../helpers/net/control_socket.ts";
import { syslogReceiver } from "../../helpers/net/syslog_receiver.ts";
import { startBackground } from "../../helpers/program/start_background.ts";
import { startControlled } from "../../helpers/program/start_controlled.ts";
import { t, until } from "../../helpers/t.ts";

t("SIGQUIT in the foreground prints the table to stderr", async () => {
  await using server = named("B0");
  await using balance = await startControlled(["-f", "PORT", server.address, "127.0.0.1:9:7"], {
    expectStderr: "any",
  });
  assertEquals(await ask(balance.port), "B0");
  // The connection ends for balance a moment after it has ended for the client.
  await until(async () => await talk(balance.socket, "conns --json\n") === "[]\n");
  const shown = await talk(balance.socket, "show\n");
  balance.kill("SIGQUIT");
  await balance.waitForStderr(/127\.0\.0\.1 {5}9.*\n/);
  assertEquals(balance.stderr, shown);
  assertEquals(await ask(balance.port), "B0");
  assertEquals((await balance.stop()).code, 0);
});

t("SIGQUIT in the background sends the table to the system log, one message per line", async () => {
  await using log = syslogReceiver();
  await using balance = await startBackground(["PORT", "127.0.0.1:9"], {
    env: { BALANCE_SYSLOG: log.path },
  });
  const shown = await talk(balance.socket, "show\n");
  balance.kill("SIGQUIT");
  const messages = await log.waitFor(2);
  const texts = messages.map((message) => message.replace(/^<29>.{15} balance\[\d+\]: /, ""));
  assertEquals(`${texts.join("\n")}\n`, shown);
});
