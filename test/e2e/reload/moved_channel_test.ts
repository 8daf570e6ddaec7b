/** Everything that names a channel names the right one after a reload has given it another number. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { namedBackends, refusing } from "../../helpers/net/backends.ts";
import { ask, connect, readText } from "../../helpers/net/client.ts";
import { freePort } from "../../helpers/net/ports.ts";
import { startConfigured } from "../../helpers/reload/start_configured.ts";
import { t, until } from "../../helpers/t.ts";
import { tempDir } from "../../helpers/temp_dir.ts";

t("log, dump, conns and metrics follow a channel that gets another number", async () => {
  await using backends = namedBackends(3);
  const [a, b, c] = backends.addresses as [string, string, string];
  using place = tempDir();
  const log = `${place.path}/log`, dump = `${place.path}/dump.jsonl`, metrics = freePort();
  const argv = ["--log", log, "--dump-file", dump, "--dump-format", "json"];
  await using web = await startConfigured([a, b], { argv: [...argv, "--metrics", `${metrics}`] });
  await using client = await connect(web.balance.port);
  assertEquals(await readText(client, 3), "B0\n");
  await web.reload(c, b, a);
  await client.send("ping");
  assertEquals(await readText(client, 4), "ping");
  assertMatch(await web.control("conns 0.2"), / 0\.2 /);
  assertEquals((await web.control("conns 0.0")).split("\n").length, 2);
  const page = await (await fetch(`http://127.0.0.1:${metrics}/metrics`)).text();
  const series = (channel: number, backend: string) =>
    `balance_channel_attempts_total{group="0",channel="${channel}",backend="${backend}"}`;
  assert(page.includes(`${series(2, a)} 1`), page);
  assert(page.includes(`${series(0, c)} 0`), page);
  await client.close();
  await until(() => Deno.readTextFileSync(log).includes("channel="), { what: "a line" });
  assertMatch(Deno.readTextFileSync(log), / channel=0\.2 /);
  const records = await until(() => {
    const lines = Deno.readTextFileSync(dump).trimEnd().split("\n");
    return lines.some((line) => line.includes('"close"')) ? lines : undefined;
  }, { what: "the end of the dump" });
  const channels = records.map((line) => JSON.parse(line).channel).filter(Boolean);
  assertEquals([channels[0], channels.at(-1)], ["0.0", "0.2"]);
});

t("checks, their results and passive verdicts follow a channel", async () => {
  await using backends = namedBackends(1);
  await using dead = refusing();
  const a = backends.addresses[0]!, checks = ["check tcp", "interval 0.1", "fall 2"];
  await using web = await startConfigured([...checks, a, dead.address]);
  await until(async () => (await web.show()).some((row) => row.startsWith("0.1 DWN")), {
    what: "a channel that is down",
  });
  assertMatch(await web.reload(...checks, dead.address, a), /^reloaded: the order has changed/);
  assertEquals(await web.show(), [`0.0 DWN ${dead.address} c=0`, `0.1 ENA ${a} c=0`]);
  const status = JSON.parse(await web.control("checks --json")) as {
    channel: number;
    health: string;
    last: { ok: boolean };
  }[];
  assertEquals(status.map(({ channel, health, last }) => [channel, health, last.ok]), [
    [0, "down", false],
    [1, "up", true],
  ]);
  assertEquals([await ask(web.balance.port), await ask(web.balance.port)], ["B0", "B0"]);
  // New options of checks apply: without a check, it is not down any more.
  assertMatch(await web.reload("check none", dead.address, a), /check/);
});

t("--state keeps away what an operator removed, also in a reload", async () => {
  await using backends = namedBackends(3);
  const [a, b, c] = backends.addresses as [string, string, string];
  using place = tempDir();
  const argv = ["--state", `${place.path}/state`];
  await using web = await startConfigured([a, b], { argv });
  await web.control("disable 0\nremove 0\nmaxc 1 7");
  await web.reload(a, b, c);
  assertEquals(await web.show(), [`0.0 ENA ${b} c=0`, `0.1 ENA ${c} c=0`]);
  assertEquals(await web.reload(`${a}`, `${b}:9`, c), "reloaded: 1 channel changed");
  await web.control("save");
  const { groups } = JSON.parse(Deno.readTextFileSync(`${place.path}/state`));
  assertEquals(groups, [{ group: 0, channels: [{ key: a, removed: true }], created: [] }]);
});
