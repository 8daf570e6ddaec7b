/** Every byte of every connection is in the dump. */

import { assert, assertEquals } from "@std/assert";
import { assertSameBytes, randomBytes, sha256 } from "../../helpers/bytes.ts";
import { run } from "../../helpers/dump/capture_tools.ts";
import { readConversations } from "../../helpers/dump/pcapng_conversations.ts";
import { echo } from "../../helpers/net/backends.ts";
import { connect, exchange, readExactly, readToEnd } from "../../helpers/net/client.ts";
import { pool } from "../../helpers/pool.ts";
import { startBalance } from "../../helpers/program/start_balance.ts";
import { startControlled } from "../../helpers/program/start_controlled.ts";
import { t, withTools } from "../../helpers/t.ts";
import { tempDir } from "../../helpers/temp_dir.ts";

for (const workers of [1, 4]) {
  const title = (name: string) => `${name} (${workers} worker${workers === 1 ? "" : "s"})`;

  t(title("the dump of 300 connections, 100 at a time, is complete"), async () => {
    using dir = tempDir();
    const file = `${dir.path}/many.pcapng`;
    await using server = echo();
    await using balance = await startControlled([
      ...["-f", "--workers", `${workers}`, "--dump-file", file, "PORT", server.address],
    ]);
    const ids = Array.from({ length: 300 }, (_, id) => id);
    const sentBy = (id: number) => randomBytes(1 + id * 701 % 200_000, id);
    await pool(ids, { limit: 100, name: String }, async (id) => {
      await using client = await connect(balance.port);
      const sent = sentBy(id);
      const [back] = await Promise.all([
        readExactly(client, sent.length, { timeoutMs: 30_000 }),
        client.send(sent),
      ]);
      assertSameBytes(back, sent);
      await client.closeWrite();
      await readToEnd(client);
    });
    await balance.stop();
    const found = readConversations(Deno.readFileSync(file));
    assertEquals(found.length, ids.length);
    const left = new Set(ids.map((id) => sha256(sentBy(id))));
    for (const { sent, rcvd, missing, fins } of found) {
      assertSameBytes(rcvd, sent);
      assertEquals([missing, fins], [0, 2]);
      assert(left.delete(sha256(sent)));
    }
    assertEquals(left.size, 0);
  });
}

withTools(
  ["tshark"],
  "the dump of 2000 connections, 50 at a time, is complete and in order",
  async () => {
    using dir = tempDir();
    const file = `${dir.path}/many.pcapng`;
    await using server = echo();
    const count = 2000;
    const sentBy = (id: number) => randomBytes(1 + id * 7 % 3000, id);
    {
      await using balance = await startBalance(["-f", "--dump-file", file, "PORT", server.address]);
      const ids = Array.from({ length: count }, (_, id) => id);
      await pool(ids, { limit: 50, name: String }, async (id) => {
        const sent = sentBy(id);
        assertEquals(await exchange(balance.port, sent), sent);
      });
      await balance.stop();
    }
    const found = readConversations(Deno.readFileSync(file));
    assertEquals(found.length, count);
    const seen = new Set<string>();
    for (const { sent, rcvd, missing, fins } of found) {
      assertEquals([rcvd, missing, fins], [sent, 0, 2]);
      seen.add(sent.toHex());
    }
    for (let id = 0; id < count; id++) assert(seen.has(sentBy(id).toHex()), `connection ${id}`);
    const { stdout, code } = await run("tshark", ["-r", file, "-q", "-z", "conv,tcp"]);
    assertEquals(code, 0);
    assertEquals(stdout.match(/<->/g)?.length, count);
  },
);

t("the dump of 1 byte to 10 MB in both directions at once is complete", async () => {
  using dir = tempDir();
  const file = `${dir.path}/sizes.pcapng`;
  await using server = echo();
  const sizes = [1, 2, 1000, 65_495, 65_496, 300_000, 10_000_000];
  {
    await using balance = await startBalance(["-f", "--dump-file", file, "PORT", server.address]);
    for (const size of sizes) {
      await using client = await connect(balance.port);
      const sent = randomBytes(size, size);
      const [back] = await Promise.all([
        readExactly(client, size, { timeoutMs: 20_000 }),
        client.send(sent),
      ]);
      assertSameBytes(back, sent);
    }
    await balance.stop();
  }
  const found = readConversations(Deno.readFileSync(file));
  assertEquals(found.map(({ sent }) => sent.length), sizes);
  for (const { sent, rcvd } of found) {
    assertSameBytes(sent, randomBytes(sent.length, sent.length));
    assertSameBytes(rcvd, sent);
  }
});
