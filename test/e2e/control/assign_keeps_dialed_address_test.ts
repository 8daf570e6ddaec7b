/** A connection keeps the address it was made to, when its channel is assigned another one. */

import { assertEquals, assertMatch } from "@std/assert";
import { scrape, startWithMetrics, value } from "../../helpers/metrics/start_with_metrics.ts";
import { echo } from "../../helpers/net/backends.ts";
import { connect, readText } from "../../helpers/net/client.ts";
import { talk } from "../../helpers/net/control_socket.ts";
import { freePort } from "../../helpers/net/ports.ts";
import { t, until } from "../../helpers/t.ts";
import { tempDir } from "../../helpers/temp_dir.ts";

t("after assign, conns, dump, log and metrics keep the address of an open connection", async () => {
  await using old = echo();
  await using next = echo();
  using dir = tempDir();
  const port = freePort(), log = `${dir.path}/log`, dump = `${dir.path}/dump.json`;
  await using balance = await startWithMetrics(
    [`${port}`, "--log", log, "--log-format", "json", "PORT", old.address],
    { port },
  );
  const ask = (command: string) => talk(balance.socket, `${command}\n`);
  const of = async (name: string, backend: string) =>
    value(await scrape(port), `balance_channel_${name}`, { backend });

  await using first = await connect(balance.port);
  await first.send("before");
  assertEquals(await readText(first, 6), "before");
  await ask("disable 0");
  assertEquals(await ask(`assign 0 127.0.0.1 ${next.port}`), "channel reassigned\n");
  await ask("enable 0");
  await using second = await connect(balance.port);
  await second.send("new");
  assertEquals(await readText(second, 3), "new");
  assertMatch(await ask(`dump on ${dump}`), /^dump on/);
  await first.send("after");
  assertEquals(await readText(first, 5), "after");

  const conns = JSON.parse(await ask("conns --json"));
  const ports = conns.map((one: { backend: { port: number } }) => one.backend.port);
  assertEquals(ports, [old.port, next.port]);
  assertEquals(await of("connections", old.address), 1);
  assertEquals(await of("connections", next.address), 1);
  await until(async () => await of("received_bytes_total", old.address) === 11);
  await until(async () => await of("received_bytes_total", next.address) === 3);
  assertEquals(await of("attempts_total", next.address), 1);
  // The table shows the channel: its current address, and all of its connections and bytes.
  const [row] = JSON.parse(await ask("show --json"));
  assertEquals([row.port, row.c, row.totalc, row.rcvd], [next.port, 2, 2, 14]);

  await first.close();
  const lines = async () => (await Deno.readTextFile(log)).trimEnd().split("\n").filter(Boolean);
  await until(async () => (await lines()).length === 1);
  assertEquals(JSON.parse((await lines())[0]!).backend, old.address);
  assertEquals(await ask("dump off"), "dump off\n");
  const dumped = (await Deno.readTextFile(dump)).trimEnd().split("\n").map((line) =>
    JSON.parse(line)
  );
  const backends = dumped.filter(({ connection, backend }) => connection === 1 && backend)
    .map(({ backend }) => backend);
  assertEquals(new Set(backends), new Set([old.address]));
  await until(async () => await of("connections", old.address) === 0);
});
