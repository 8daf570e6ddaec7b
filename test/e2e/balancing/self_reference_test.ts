import { assertEquals } from "@std/assert";
import { drained, named } from "../../helpers/net/backends.ts";
import { connect, hashToEnd, readLine, readToEnd } from "../../helpers/net/client.ts";
import { startBalance } from "../../helpers/program/start_balance.ts";
import { established } from "../../helpers/net/tcp_sockets.ts";
import { later, t, until } from "../../helpers/t.ts";
import { randomBytes, sha256 } from "../../helpers/bytes.ts";

/** 12 + 4 + 2 + 2 places that lead back to balance itself, then the backend. */
const LOOPS = 20;
const CHANNELS = ["localhost::12", "!", "localhost::4", "!", "localhost::2", "localhost::2", "!"];

t("the 20-fold reference to itself: connections pass through their loops and arrive", async () => {
  await using server = named("B0");
  const argv = ["-f", "PORT", ...CHANNELS, `localhost:${server.port}`];
  await using balance = await startBalance(argv);
  const before = await balance.quietFds();
  {
    await using client = await connect(balance.port);
    assertEquals(await readLine(client), "B0");
    // Each loop is a connection to the port it came from, and so is the client's.
    assertEquals(established(balance.port), LOOPS + 1);

    // All places are taken, so the next one goes straight to the backend.
    await using second = await connect(balance.port);
    assertEquals(await readLine(second), "B0");
    assertEquals(established(balance.port), LOOPS + 2);

    const data = randomBytes(1_000_000, 20);
    const answer = later(hashToEnd(client));
    await client.send(data);
    await client.closeWrite();
    assertEquals(await answer, { length: data.length, sha256: sha256(data), end: "EOF" });
  }
  await drained(server);
  await until(() => established(balance.port) === 0, { what: "all loops to end" });
  await balance.settledFds(before);
});

t("the 20-fold reference to itself: maxc holds when clients arrive at once", async () => {
  await using server = named("B0");
  const argv = ["-f", "PORT", ...CHANNELS, `localhost:${server.port}`];
  await using balance = await startBalance(argv);
  const before = await balance.quietFds();
  const clients = await Promise.all(Array.from({ length: 10 }, () => connect(balance.port)));
  const names = await Promise.all(clients.map((client) => readLine(client)));
  assertEquals(names.join(" "), Array(10).fill("B0").join(" "));
  assertEquals(established(balance.port), LOOPS + 10);
  for (const client of clients) {
    await client.closeWrite();
    await readToEnd(client);
    await client.close();
  }
  await balance.settledFds(before);
});
