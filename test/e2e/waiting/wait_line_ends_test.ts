/** How waiting ends (`--wait`): with a channel, too late, because the client leaves, ... */

import { assert, assertEquals, assertMatch } from "@std/assert";
import {
  scrape,
  startWithMetrics,
  untilMetric,
  value,
} from "../../helpers/metrics/start_with_metrics.ts";
import { linesOf, waitForLines } from "../../helpers/log/log_file.ts";
import { namedBackends } from "../../helpers/net/backends.ts";
import { canBindSource, connect, readLine } from "../../helpers/net/client.ts";
import { command, controlSession, showRows, talk } from "../../helpers/net/control_socket.ts";
import { freePort } from "../../helpers/net/ports.ts";
import { listensOn } from "../../helpers/net/tcp_sockets.ts";
import { startControlled } from "../../helpers/program/start_controlled.ts";
import { skip, t, until } from "../../helpers/t.ts";
import { tempDir } from "../../helpers/temp_dir.ts";
import {
  connectionsOf,
  namedClient,
  servingBackend,
  waitingAt,
} from "../../helpers/waiting/waiting_clients.ts";

/** Waits until this many clients are in the wait line. */
async function untilWaiting(socket: string, count: number): Promise<void> {
  await until(async () => await waitingAt(socket) === count, {
    what: `${count} clients to wait`,
  });
}

/** A balance whose only channel has `first`, while `second` waits for it. */
async function fullBalance() {
  await using opened = new AsyncDisposableStack();
  const server = opened.use(servingBackend());
  const argv = ["-f", "--wait", "60", "PORT", `${server.address}:1`];
  const balance = opened.use(await startControlled(argv));
  const first = opened.use(await namedClient(balance.port));
  assertEquals(await first.answer(), "served");
  const second = opened.use(await namedClient(balance.port));
  await untilWaiting(balance.socket, 1);
  const all = opened.move();
  return { balance, first, second, [Symbol.asyncDispose]: () => all.disposeAsync() };
}

/** The last line of an access log in JSON. */
function lastLine(path: string) {
  return JSON.parse(linesOf(path).at(-1) ?? "{}");
}

t("a client waits for a full channel, and the log and the metrics show it", async () => {
  await using server = servingBackend();
  using dir = tempDir();
  const log = `${dir.path}/log`, metrics = freePort();
  const argv = [`${metrics}`, "--wait", "60", "--log", log, "--log-format", "json", "PORT"];
  await using balance = await startWithMetrics([...argv, `${server.address}:1`], { port: metrics });
  using first = await namedClient(balance.port);
  assertEquals(await first.answer(), "served");
  using second = await namedClient(balance.port);
  await untilWaiting(balance.socket, 1);
  assertMatch(await talk(balance.socket, "conns\n"), / - .* waiting +-$/m);
  assertMatch(await talk(balance.socket, "top\n"), /^connections {2}2 open {2}1 waiting /m);
  const during = await scrape(metrics);
  assertEquals(value(during, "balance_waiting"), 1);
  assertEquals(value(during, "balance_connections"), 2);
  assertEquals(value(during, "balance_wait_seconds_count"), 0);
  // It waits, so it is not lost.
  assertEquals(
    (await fetch(`http://127.0.0.1:${metrics}/healthz`).then((one) => one.text())).trim(),
    "ok",
  );

  first.close();
  assertEquals(await second.answer(), "served");
  const after = await untilMetric(metrics, "balance_wait_seconds_count", {}, 1);
  assertEquals(value(after, "balance_waiting"), 0);
  assert((value(after, "balance_wait_seconds_sum") ?? 0) > 0);
  second.close();
  const [one, two] = (await waitForLines(log, 2)).map((line) => JSON.parse(line));
  assertEquals([one.reason, "waited_ms" in one], ["client_closed", false]);
  assertEquals([two.reason, two.channel, two.waited_ms > 0], ["client_closed", "0.0", true]);
});

t("a client that has waited --wait seconds is closed with the reason wait_timeout", async () => {
  await using server = servingBackend();
  using dir = tempDir();
  const log = `${dir.path}/log`, metrics = freePort();
  const argv = [`${metrics}`, "--wait", "0.4", "--log", log, "--log-format", "json", "PORT"];
  await using balance = await startWithMetrics([...argv, `${server.address}:1`], { port: metrics });
  using first = await namedClient(balance.port);
  assertEquals(await first.answer(), "served");
  using second = await namedClient(balance.port);
  assert(["EOF", "RST"].includes(await second.answer()));
  await waitForLines(log, 1);
  const { reason, by, waited_ms, channel } = lastLine(log);
  assertEquals([reason, by, channel], ["wait_timeout", "balance", undefined]);
  assert(waited_ms >= 300, `${waited_ms} ms`);
  const after = await scrape(metrics);
  assertEquals(value(after, "balance_waiting"), 0);
  assertEquals(value(after, "balance_connections_ended_total", { reason: "wait_timeout" }), 1);
  // The channel was never given to it.
  assertEquals((await showRows(balance.socket))[0]?.totalc, 1);
});

t("a full line turns clients away, and a client that leaves makes room", async () => {
  await using server = servingBackend();
  using dir = tempDir();
  const log = `${dir.path}/log`;
  const argv = ["-f", "--wait", "60:2", "--log", log, "--log-format", "json", "PORT"];
  await using balance = await startControlled([...argv, `${server.address}:1`]);
  using first = await namedClient(balance.port);
  assertEquals(await first.answer(), "served");
  using second = await namedClient(balance.port);
  await untilWaiting(balance.socket, 1);
  // It sends nothing, so balance sees that it leaves.
  await using silent = await connect(balance.port);
  await untilWaiting(balance.socket, 2);
  using turnedAway = await namedClient(balance.port);
  assert(["EOF", "RST"].includes(await turnedAway.answer()));
  await waitForLines(log, 1);
  assertEquals(lastLine(log).reason, "line_full");
  assertEquals(await waitingAt(balance.socket), 2);

  await silent.close();
  await waitForLines(log, 2);
  assertEquals([lastLine(log).reason, lastLine(log).by], ["client_left", "client"]);
  using third = await namedClient(balance.port);
  await untilWaiting(balance.socket, 2);
  first.close();
  assertEquals(await second.answer(), "served");
  second.close();
  assertEquals(await third.answer(), "served");
  assertEquals(server.served, [first.port, second.port, third.port]);
});

t(
  "a client that has sent a request and closes leaves the line, and its request is not sent",
  async () => {
    await using server = servingBackend();
    using dir = tempDir();
    const log = `${dir.path}/log`;
    const argv = ["-f", "--wait", "60", "--log", log, "--log-format", "json", "PORT"];
    await using balance = await startControlled([...argv, `${server.address}:1`]);
    using first = await namedClient(balance.port);
    assertEquals(await first.answer(), "served");
    await using gone = await connect(balance.port);
    await gone.send("a request");
    await untilWaiting(balance.socket, 1);
    await gone.close();
    await waitForLines(log, 1);
    assertEquals([lastLine(log).reason, lastLine(log).by], ["client_left", "client"]);
    assertEquals(await waitingAt(balance.socket), 0);

    // One that only half-closes can still be served, if that does not take long.
    await using half = await connect(balance.port);
    await half.send("7\n");
    await untilWaiting(balance.socket, 1);
    await half.closeWrite();
    first.close();
    assertEquals(await readLine(half), "served");
    assertEquals((await showRows(balance.socket))[0]?.totalc, 2);
  },
);

t("close ID ends a client that waits, and the next one gets the channel", async () => {
  await using full = await fullBalance();
  const { balance, first, second } = full;
  using third = await namedClient(balance.port);
  await untilWaiting(balance.socket, 2);
  using control = await controlSession(balance.socket);
  const waiting = (await connectionsOf(balance.socket))
    .find(({ client }) => client.port === second.port);
  assertMatch(await command(control, `close ${waiting?.id}`), /closed/);
  assert(["EOF", "RST"].includes(await second.answer()));
  first.close();
  assertEquals(await third.answer(), "served");
  assertEquals((await showRows(balance.socket))[0]?.c, 1);
});

t("enable, maxc and create serve clients that wait", async () => {
  await using server = servingBackend();
  await using other = servingBackend();
  await using balance = await startControlled(["-f", "--wait", "60", "PORT", server.address]);
  using control = await controlSession(balance.socket);
  await command(control, "disable 0");
  using first = await namedClient(balance.port);
  await untilWaiting(balance.socket, 1);
  await command(control, "enable 0");
  assertEquals(await first.answer(), "served");
  await command(control, "maxc 0 1");
  using second = await namedClient(balance.port);
  await untilWaiting(balance.socket, 1);
  await command(control, "maxc 0 2");
  assertEquals(await second.answer(), "served");
  using third = await namedClient(balance.port);
  await untilWaiting(balance.socket, 1);
  await command(control, `create 127.0.0.1 ${other.port}`);
  await command(control, "enable 1");
  assertEquals(await third.answer(), "served");
  assertEquals([server.served.length, other.served], [2, [third.port]]);
});

t("after SIGTERM, clients that wait are still served, and then the program ends", async () => {
  await using full = await fullBalance();
  const { balance, first, second } = full;
  balance.kill();
  await until(() => !listensOn(balance.port, balance.pid), { what: "the listener to close" });
  first.close();
  assertEquals(await second.answer(), "served");
  // The control socket answers to the last one.
  assertEquals((await showRows(balance.socket))[0]?.c, 1);
  second.close();
  assertEquals((await balance.ended).code, 0);
});

t("at the end of --grace, clients that wait are closed, too", async () => {
  await using server = servingBackend();
  using dir = tempDir();
  const log = `${dir.path}/log`;
  const argv = ["-f", "--wait", "60", "--grace", "0", "--log", log, "--log-format", "json"];
  await using balance = await startControlled([...argv, "PORT", `${server.address}:1`]);
  using first = await namedClient(balance.port);
  assertEquals(await first.answer(), "served");
  using second = await namedClient(balance.port);
  await untilWaiting(balance.socket, 1);
  balance.kill();
  assert(["EOF", "RST"].includes(await second.answer()));
  assertEquals((await balance.ended).code, 143);
  const ends = linesOf(log).map((line) => JSON.parse(line));
  assertEquals(ends.map(({ reason }) => reason), ["shutdown", "shutdown"]);
});

const HASH = "a client whose hash channel is busy does not block those of other channels";
if (!await canBindSource()) skip(HASH, "this version of Deno ignores a source address");
else {
  t(HASH, async () => {
    await using backends = namedBackends(2);
    const channels = backends.addresses.map((address) => `${address}:1`);
    await using balance = await startControlled(["-f", "--wait", "60", "PORT", ...channels, "%"]);
    // 127.0.0.1 hashes to the first of two channels, 127.0.0.2 to the second.
    const from = { first: "127.0.0.1", second: "127.0.0.2" };
    await using busy = await connect(balance.port, { from: from.first });
    assertEquals(await readLine(busy), "B0");
    await using waits = await connect(balance.port, { from: from.first });
    await untilWaiting(balance.socket, 1);
    await using passes = await connect(balance.port, { from: from.second });
    assertEquals(await readLine(passes), "B1");
    assertEquals(await waitingAt(balance.socket), 1);
    await busy.close();
    assertEquals(await readLine(waits), "B0");
  });
}
