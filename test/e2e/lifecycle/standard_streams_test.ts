import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { echo, named, stalledReader } from "../../helpers/net/backends.ts";
import { ask, connect, readText } from "../../helpers/net/client.ts";
import { startBalance } from "../../helpers/program/start_balance.ts";
import { later, t, until, untilStill, within } from "../../helpers/t.ts";

for (const stdin of ["null", "closed", { text: "kill\n" }] as const) {
  t(`stdin ${JSON.stringify(stdin)} is never read`, async () => {
    await using server = named("B0");
    await using balance = await startBalance(["-f", "PORT", server.address], { stdin });
    assertEquals(await ask(balance.port), "B0");
  });
}

t("balance works with stdout closed from the start, even with -p", async () => {
  await using server = named("B0");
  for (const options of [["-f"], ["-f", "-p"]]) {
    const argv = [...options, "PORT", server.address];
    await using balance = await startBalance(argv, { stdout: "closed" });
    assertEquals(await ask(balance.port), "B0");
    assertEquals(await ask(balance.port), "B0");
  }
});

t("with stdin and stdout closed, connections and the dump do not get mixed up", async () => {
  await using server = named("B0");
  const argv = ["-f", "-p", "PORT", server.address];
  await using balance = await startBalance(argv, { stdin: "closed", stdout: "closed" });
  await using client = await connect(balance.port);
  await client.send("to the backend");
  assertEquals(await readText(client, 17), "B0\nto the backend");
});

t("-p: balance ends silently when the reader of stdout closes it", async () => {
  await using server = named("B0");
  await using balance = await startBalance(["-f", "-p", "PORT", server.address]);
  assertEquals(await ask(balance.port), "B0");
  await balance.waitForStdout(/-< 3\nB0/);
  await balance.abandonStdout();
  // Only the next write fails.
  await ask(balance.port).catch(() => {});
  const { stderr } = await within(balance.ended, { timeoutMs: 5000, what: "the end" });
  assertEquals(stderr, "");
});

t("without -p balance keeps running when the reader of stdout closes it", async () => {
  await using server = named("B0");
  await using balance = await startBalance(["-f", "PORT", server.address]);
  await balance.abandonStdout();
  assertEquals(await ask(balance.port), "B0");
  assertEquals(await ask(balance.port), "B0");
});

t("-p: a stalled reader of stdout holds senders back, and nothing is lost", async () => {
  const total = 30_000_000;
  await using server = stalledReader();
  server.resume();
  const argv = ["-f", "-p", "PORT", server.address];
  await using balance = await startBalance(argv, { stdout: "unread" });
  const before = balance.rss();
  await using client = await connect(balance.port);
  const block = new Uint8Array(1_000_000).fill(0x61);
  let sent = 0;
  const sending = later((async () => {
    for (; sent < total; sent += block.length) await client.send(block);
    await client.closeWrite();
  })());
  await untilStill(() => sent, { looks: 25, what: "the sender to stall" });
  assert(sent < total, "everything was accepted although the dump was not read");
  const growth = balance.rss() - before;
  assert(growth < 30_000_000, `memory grew by ${growth} bytes`);

  balance.readStdout();
  await sending;
  await until(() => server.totals.length === 1, { timeoutMs: 20_000, what: "the end of input" });
  assertEquals(server.totals, [total]);
  await balance.waitForStdout(/-> 0\n\n/, 20_000);
  const { stdout } = await balance.stop();
  assertEquals(stdout.match(/a/g)?.length, total);
  const headers = [...stdout.matchAll(/^-> (\d+)$/gm)].map(([, count]) => Number(count));
  assertEquals(headers.reduce((sum, count) => sum + count, 0), total);
  assertEquals(Math.max(...headers) <= 32768, true);
});

t("-p: blocks of concurrent connections never mix", async () => {
  await using server = echo();
  await using balance = await startBalance(["-f", "-p", "PORT", server.address]);
  await Promise.all(Array.from({ length: 20 }, async (_, index) => {
    const letter = String.fromCharCode(0x61 + index);
    await using client = await connect(balance.port);
    for (let round = 0; round < 20; round++) {
      await client.send(letter.repeat(70));
      assertEquals(await readText(client, 70), letter.repeat(70));
    }
  }));
  await until(() => (balance.stdout.match(/^-> 0$/gm)?.length ?? 0) === 20);
  const { stdout } = await balance.stop();
  const blocks = stdout.match(/^-[><] 70\n([a-t])\1{69}\n/gm) ?? [];
  assertEquals(blocks.length, 2 * 20 * 20);
  assertStringIncludes(stdout, "-> 0\n\n");
});
