import { assertEquals } from "@std/assert";
import { randomBytes, sha256 } from "../../helpers/bytes.ts";
import { drained, named } from "../../helpers/net/backends.ts";
import { connect, hashToEnd, readLine, readToEnd } from "../../helpers/net/client.ts";
import { established } from "../../helpers/net/tcp_sockets.ts";
import { startBalance } from "../../helpers/program/start_balance.ts";
import { later, t, until } from "../../helpers/t.ts";

/** 12 + 4 + 2 + 2 connections (maxc) that lead back to balance itself; then the backend. */
const LOOPS = 20;
const CHANNELS = ["localhost::12", "!", "localhost::4", "!", "localhost::2", "localhost::2", "!"];

/** Polls, since a table of sockets that changes while it is read may miss one. */
async function untilEstablished(port: number, count: number): Promise<void> {
  await until(() => established(port) === count, {
    what: () => `${count} connections instead of ${established(port)}`,
  });
}

t(
  "balance as its own backend: connections pass through 20 loops and reach the backend",
  async () => {
    await using server = named("B0");
    const argv = ["-f", "PORT", ...CHANNELS, `localhost:${server.port}`];
    await using balance = await startBalance(argv);
    const before = await balance.quietFds();
    {
      await using client = await connect(balance.port);
      assertEquals(await readLine(client), "B0");
      // Each loop is a connection to the listener, and so is that of the client.
      await untilEstablished(balance.port, LOOPS + 1);

      // Every maxc is reached, so the next connection goes directly to the backend.
      await using second = await connect(balance.port);
      assertEquals(await readLine(second), "B0");
      await untilEstablished(balance.port, LOOPS + 2);

      const data = randomBytes(1_000_000, 20);
      const answer = later(hashToEnd(client));
      await client.send(data);
      await client.closeWrite();
      assertEquals(await answer, { length: data.length, sha256: sha256(data), end: "EOF" });
    }
    await drained(server);
    await untilEstablished(balance.port, 0);
    await balance.settledFds(before);
  },
);

t("balance as its own backend: maxc holds when clients arrive simultaneously", async () => {
  await using server = named("B0");
  const argv = ["-f", "PORT", ...CHANNELS, `localhost:${server.port}`];
  await using balance = await startBalance(argv);
  const before = await balance.quietFds();
  const clients = await Promise.all(Array.from({ length: 10 }, () => connect(balance.port)));
  const names = await Promise.all(clients.map((client) => readLine(client)));
  assertEquals(names.join(" "), Array(10).fill("B0").join(" "));
  await untilEstablished(balance.port, LOOPS + 10);
  for (const client of clients) {
    await client.closeWrite();
    await readToEnd(client);
    await client.close();
  }
  await balance.settledFds(before);
});
