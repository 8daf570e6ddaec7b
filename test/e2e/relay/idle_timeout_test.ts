import { assert, assertEquals, assertRejects } from "@std/assert";
import { backend, drained, echo, stalledReader } from "../../helpers/net/backends.ts";
import { connect, readText, readToEnd } from "../../helpers/net/client.ts";
import { startBalance } from "../../helpers/program/start_balance.ts";
import { sleep, t, until } from "../../helpers/t.ts";

const MESSAGE = /^connection from \S+ to channel 0\.0 timed out after 1 seconds\n$/;
/** One every 300 ms, they take longer than the idle timeout of two seconds. */
const BYTES = 11;

t("-T closes a connection on both sides when no data flows for that long", async () => {
  await using server = echo();
  const argv = ["-f", "-T", "1", "PORT", server.address];
  await using balance = await startBalance(argv, { expectStderr: MESSAGE });
  const before = await balance.quietFds();
  await using client = await connect(balance.port);
  // Before the last data, so that the lower bound holds however late this process runs.
  const started = performance.now();
  await client.send("x");
  assertEquals(await readText(client, 1), "x");
  assertEquals(await readToEnd(client), { bytes: new Uint8Array(), text: "", end: "EOF" });
  const seconds = (performance.now() - started) / 1000;
  assert(seconds > 0.7 && seconds < 3, `took ${seconds} s`);
  await drained(server);
  await balance.settledFds(before);
});

t("-T also closes a connection on which no data was ever sent", async () => {
  await using server = echo();
  const argv = ["-f", "-T", "1", "PORT", server.address];
  await using balance = await startBalance(argv, { expectStderr: MESSAGE });
  await using client = await connect(balance.port);
  assertEquals((await readToEnd(client)).end, "EOF");
  await drained(server);
});

t("-T closes a connection whose backend has stopped reading", async () => {
  await using server = stalledReader({ greeting: "hi" });
  const argv = ["-f", "-T", "1", "PORT", server.address];
  await using balance = await startBalance(argv, { expectStderr: MESSAGE });
  const before = await balance.quietFds();
  await using client = await connect(balance.port);
  assertEquals(await readText(client, 2), "hi");
  // Blocks when all buffers are full, and fails when the connection is closed.
  await assertRejects(() => client.send(new Uint8Array(60_000_000)));
  await balance.settledFds(before);
});

for (const from of ["client", "backend"] as const) {
  t(`-T: data from the ${from} only keeps a connection open`, async () => {
    /** Sends a byte every 300 ms for longer than the idle timeout. */
    async function trickle(send: () => Promise<void>): Promise<void> {
      for (let sent = 0; sent < BYTES; sent++) {
        await send();
        await sleep(300);
      }
    }
    let received = 0;
    await using server = backend(async (conn) => {
      const buffer = new Uint8Array(100);
      const receiving = (async () => {
        for (let count; (count = await conn.read(buffer)) !== null;) received += count;
      })();
      if (from === "backend") {
        await trickle(async () => void await conn.write(new Uint8Array([65])));
      }
      await receiving;
    });
    const argv = ["-f", "-T", "2", "PORT", server.address];
    await using balance = await startBalance(argv);
    await using client = await connect(balance.port);
    if (from === "client") {
      await trickle(() => client.send("x"));
      await until(() => received === BYTES, {
        what: () => `${BYTES} bytes instead of ${received}`,
      });
    } else {
      assertEquals(await readText(client, BYTES), "A".repeat(BYTES));
    }
    await client.closeWrite();
    await readToEnd(client);
  });
}
