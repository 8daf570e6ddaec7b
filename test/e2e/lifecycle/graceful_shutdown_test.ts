import { assert, assertEquals } from "@std/assert";
import { drained, echo, named, stalledReader } from "../../helpers/net/backends.ts";
import { connect, readText, readToEnd, refused } from "../../helpers/net/client.ts";
import { type Balance, startBalance } from "../../helpers/program/start_balance.ts";
import { t } from "../../helpers/t.ts";

for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) {
  t(`${signal} without connections ends it with 0 and frees the port`, async () => {
    await using server = named("B0");
    await using balance = await startBalance(["-f", "PORT", server.address]);
    const { code, stdout, stderr } = await balance.stop(signal);
    assertEquals([code, stdout, stderr], [0, "", ""]);
    await refused(balance.port);
  });
}

for (const signal of ["SIGTERM", "SIGINT"] as const) {
  t(`${signal} refuses new connections and lets open ones run to their end`, async () => {
    await using server = echo();
    await using balance = await startBalance(["-f", "PORT", server.address]);
    await using client = await connect(balance.port);
    await client.send("before");
    assertEquals(await readText(client, 6), "before");
    balance.kill(signal);
    await refused(balance.port);
    await client.send("after");
    assertEquals(await readText(client, 5), "after");
    await client.closeWrite();
    assertEquals((await readToEnd(client)).end, "EOF");
    const { code, stderr } = await balance.ended;
    assertEquals([code, stderr], [0, ""]);
  });
}

/** Stops it with a transfer to a stalled reader under way, and looks that nothing hangs. */
async function stopDuringFlush(
  options: string[],
  stop: (balance: Balance) => void | Promise<void>,
): Promise<number> {
  await using server = stalledReader({ greeting: "hi" });
  await using balance = await startBalance(["-f", ...options, "PORT", server.address]);
  await using client = await connect(balance.port);
  assertEquals(await readText(client, 2), "hi");
  const sending = client.send(new Uint8Array(50_000_000)).catch((error: Error) => error);
  const started = performance.now();
  await stop(balance);
  const { code, stderr } = await balance.ended;
  assert(performance.now() - started < 4000, "took too long to end");
  assertEquals(stderr, "");
  assert(await sending instanceof Error, "the client was not told");
  server.resume();
  await drained(server);
  return code;
}

t("a second SIGTERM cuts off what a stalled reader holds up", async () => {
  const code = await stopDuringFlush([], async (balance) => {
    balance.kill("SIGTERM");
    await refused(balance.port);
    balance.kill("SIGTERM");
  });
  assertEquals(code, 143);
});

t("the time of --grace cuts off what a stalled reader holds up", async () => {
  const code = await stopDuringFlush(["--grace", "1"], (balance) => balance.kill("SIGTERM"));
  assertEquals(code, 143);
});

t("SIGHUP in the foreground ends open connections at once", async () => {
  assertEquals(await stopDuringFlush([], (balance) => balance.kill("SIGHUP")), 129);
});
