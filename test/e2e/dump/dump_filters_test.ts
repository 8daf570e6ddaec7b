import { assertEquals } from "@std/assert";
import { named } from "../../helpers/net/backends.ts";
import { connect, readText, readToEnd } from "../../helpers/net/client.ts";
import { startBalance } from "../../helpers/program/start_balance.ts";
import { t } from "../../helpers/t.ts";
import { tempDir } from "../../helpers/temp_dir.ts";

t("dumps can be limited by channel, client, content, and bytes per chunk", async () => {
  using dir = tempDir();
  await using first = named("B0");
  await using second = named("B1");
  let dumps = 0;
  const dumped = async (...options: string[]) => {
    const file = `${dir.path}/${++dumps}.json`;
    await using balance = await startBalance([
      ...["-f", "--dump-file", file, ...options, "PORT", first.address, second.address],
    ]);
    for (let i = 0; i < 4; i++) {
      await using client = await connect(balance.port);
      assertEquals(await readText(client, 3), `B${i % 2}\n`);
      await client.send(`secret ${i}`);
      assertEquals(await readText(client, 8), `secret ${i}`);
      await client.closeWrite();
      await readToEnd(client);
    }
    await balance.stop();
    // Lines of different workers may be in any order; each connection is in order.
    return Deno.readTextFileSync(file).trimEnd().split("\n").filter(Boolean)
      .map((line) => JSON.parse(line)).sort((a, b) => a.connection - b.connection);
  };
  const data = (lines: { type: string; text: string }[]) =>
    lines.filter(({ type }) => type === "data").map(({ text }) => text).join(",");
  const channel = await dumped("--dump-channel", "0.1");
  assertEquals(data(channel), "B1\n,secret 1,secret 1,B1\n,secret 3,secret 3");
  assertEquals([...new Set(channel.map((line) => line.connection))], [2, 4]);
  assertEquals(channel.filter(({ type }) => type === "open").length, 2);
  const match = await dumped("--dump-match", "SECRET|t [23]");
  assertEquals(data(match), "secret 2,secret 2,secret 3,secret 3");
  assertEquals([...new Set(match.map((line) => line.connection))], [3, 4]);
  assertEquals(
    data(await dumped("--dump-bytes", "2", "--dump-channel", "0.0")).slice(0, 8),
    "B0,se,se",
  );
  assertEquals(await dumped("--dump-client", "10.0.0.0/8"), []);
});
