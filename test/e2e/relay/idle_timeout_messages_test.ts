import { assertEquals, assertMatch } from "@std/assert";
import { named } from "../../helpers/net/backends.ts";
import { type Client, connect, readLine, readToEnd } from "../../helpers/net/client.ts";
import { syslogReceiver } from "../../helpers/net/syslog_receiver.ts";
import { startBackground } from "../../helpers/program/start_background.ts";
import { type Balance, startBalance } from "../../helpers/program/start_balance.ts";
import { waitForLines } from "../../helpers/log/log_file.ts";
import { t } from "../../helpers/t.ts";
import { tempDir } from "../../helpers/temp_dir.ts";

const LINE = /^connection from 127\.0\.0\.1:\d+ to channel 0\.0 timed out after 1 seconds$/;
const BURST_MS = 10_000;

/** Opens connections, and waits until the idle timeout has closed all of them. */
async function timeOut(port: number, count: number, opened = () => {}): Promise<void> {
  await using open = new AsyncDisposableStack();
  const clients: Client[] = [];
  for (let i = 0; i < count; i++) {
    const client = open.use(await connect(port));
    assertEquals(await readLine(client), "B0");
    clients.push(client);
  }
  opened();
  await Promise.all(clients.map((client) => readToEnd(client)));
}

/** What it has written to standard error, without the last newline. */
const linesOf = ({ stderr }: Pick<Balance, "stderr">) => stderr.trimEnd().split("\n");

t("the message of -T names the client and the channel", async () => {
  await using server = named("B0");
  const argv = ["-f", "-T", "1", "PORT", "127.0.0.1:9:-1", "!", server.address];
  await using balance = await startBalance(argv, { expectStderr: "any" });
  using client = await Deno.connect({ hostname: "127.0.0.1", port: balance.port });
  await readToEnd(client);
  const { port } = client.localAddr;
  const line = `connection from 127.0.0.1:${port} to channel 1.0 timed out after 1 seconds`;
  await balance.waitForStderr(/timed out.*\n/);
  const { stderr } = await balance.stop();
  assertEquals(stderr.split("\n").slice(-2), [line, ""]);
});

t("-T names the first of 50 clients, and counts the others at exit", async () => {
  await using server = named("B0");
  using dir = tempDir();
  const log = `${dir.path}/log`;
  const argv = ["-f", "-T", "1", "--log", log, "PORT", server.address];
  await using balance = await startBalance(argv, { expectStderr: "any" });
  await timeOut(balance.port, 50);
  const logged = await waitForLines(log, 50);
  assertEquals(logged.filter((line) => line.includes("reason=idle_limit")).length, 50);
  const ended = await balance.stop();
  const [first = "", ...others] = linesOf(ended);
  assertMatch(first, LINE);
  assertEquals(others, ["49 more connections timed out after 1 seconds"]);
  assertEquals(ended.code, 0);
});

t("-T prints the count while the burst lasts", async () => {
  await using server = named("B0");
  const argv = ["-f", "-T", "1", "PORT", server.address];
  await using balance = await startBalance(argv, { expectStderr: "any" });
  await timeOut(balance.port, 2);
  await balance.waitForStderr(/more.*\n/, BURST_MS + 5000);
  // The burst has not ended, so this one is counted too.
  await timeOut(balance.port, 1);
  const [first = "", ...others] = linesOf(await balance.stop());
  assertMatch(first, LINE);
  const more = "1 more connection timed out after 1 seconds";
  assertEquals(others, [more, more]);
});

t("-T counts what times out during the graceful shutdown before balance exits", async () => {
  await using server = named("B0");
  const argv = ["-f", "-T", "1", "PORT", server.address];
  await using balance = await startBalance(argv, { expectStderr: "any" });
  await timeOut(balance.port, 3, () => balance.kill("SIGTERM"));
  const ended = await balance.ended;
  const [first = "", ...others] = linesOf(ended);
  assertMatch(first, LINE);
  assertEquals(others, ["2 more connections timed out after 1 seconds"]);
  assertEquals(ended.code, 0);
});

t("in the background, -T writes the same lines to the system log", async () => {
  await using server = named("B0");
  await using log = syslogReceiver();
  await using balance = await startBackground(["-T", "1", "PORT", server.address], {
    env: { BALANCE_SYSLOG: log.path },
  });
  await timeOut(balance.port, 3);
  balance.kill("SIGTERM");
  await balance.gone();
  const messages = (await log.waitFor(2)).map((message) => message.replace(/^.*?\]: /, ""));
  assertMatch(messages[0] ?? "", LINE);
  assertEquals(messages.slice(1), ["2 more connections timed out after 1 seconds"]);
});
