import { assert, assertEquals } from "@std/assert";
import { drained, stalledReader } from "../../helpers/net/backends.ts";
import { connect, readText, refused } from "../../helpers/net/client.ts";
import { type Controlled, startControlled } from "../../helpers/program/start_controlled.ts";
import { t, within } from "../../helpers/t.ts";

/** Stops balance during a transfer to a stalled backend. @returns The exit code. */
async function stopDuringFlush(
  options: string[],
  stop: (balance: Controlled) => void | Promise<void>,
): Promise<number> {
  await using server = stalledReader({ greeting: "hi" });
  await using balance = await startControlled(["-f", ...options, "PORT", server.address]);
  await using client = await connect(balance.port);
  assertEquals(await readText(client, 2), "hi");
  const sending = client.send(new Uint8Array(50_000_000)).catch((error: Error) => error);
  const started = performance.now();
  await stop(balance);
  const { code, stderr } = await within(balance.ended, { timeoutMs: 20_000, what: "the end" });
  assert(performance.now() - started < 4000, "took too long to end");
  assertEquals(stderr, "");
  assert(await sending instanceof Error, "the client did not get an error");
  server.resume();
  await drained(server);
  return code;
}

t("a second SIGTERM cuts a connection to a stalled backend", async () => {
  const code = await stopDuringFlush([], async (balance) => {
    balance.kill("SIGTERM");
    await refused(balance.port);
    balance.kill("SIGTERM");
  });
  assertEquals(code, 143);
});

t("the end of the --grace time cuts a connection to a stalled backend", async () => {
  const code = await stopDuringFlush(["--grace", "1"], (balance) => balance.kill("SIGTERM"));
  assertEquals(code, 143);
});
