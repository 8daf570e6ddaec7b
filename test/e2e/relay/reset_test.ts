import { assertEquals, assertMatch } from "@std/assert";
import { backend, canReset, drained, named, resetting } from "../../helpers/net/backends.ts";
import { resettingWhileSending } from "../../helpers/net/resetters.ts";
import { ask, connect, readLine, readText, readToEnd } from "../../helpers/net/client.ts";
import { ENGINE } from "../../helpers/program/program.ts";
import { startBalance } from "../../helpers/program/start_balance.ts";
import { skip, t, withTools } from "../../helpers/t.ts";

/** Rounds in which the reset may meet the relay in any of its calls. */
const ROUNDS = 40;

const names = {
  connect: "a backend that resets at once ends the connection of the client, and nothing else",
  middle: "a backend that resets after data ends the connection of the client",
  client: "a client that resets ends the connection to its backend",
  flood: "a client that resets while the backend sends ends the connection to the backend",
};

if (canReset) {
  t(names.connect, async () => {
    await using server = await resetting("connect");
    await using healthy = named("B1");
    await using balance = await startBalance(["-f", "PORT", server.address, healthy.address]);
    const before = await balance.quietFds();
    for (let i = 0; i < 5; i++) {
      assertMatch(await ask(balance.port), /^(EOF|RST)$/);
      assertEquals(await ask(balance.port), "B1");
    }
    await balance.settledFds(before);
    await server.stop();
    assertEquals(await ask(balance.port), "B1");
  });

  t(names.middle, async () => {
    await using server = await resetting("data", { greeting: "hi" });
    await using balance = await startBalance(["-f", "PORT", server.address]);
    const before = await balance.quietFds();
    {
      await using client = await connect(balance.port);
      assertEquals(await readText(client, 2), "hi");
      await client.send("x");
      assertMatch((await readToEnd(client)).end, /^(EOF|RST)$/);
    }
    await balance.settledFds(before);
  });

  t(names.client, async () => {
    await using server = named("B0");
    await using balance = await startBalance(["-f", "PORT", server.address]);
    const before = await balance.quietFds();
    {
      await using client = await connect(balance.port, { viaNode: true });
      assertEquals(await readLine(client), "B0");
      await client.reset();
    }
    await drained(server);
    await balance.settledFds(before);
    assertEquals(await ask(balance.port), "B0");
  });

  t(names.flood, async () => {
    await using server = backend(async (conn) => {
      for (const buffer = new Uint8Array(65536);;) await conn.write(buffer);
    });
    await using balance = await startBalance(["-f", "PORT", server.address]);
    const before = await balance.quietFds();
    {
      await using client = await connect(balance.port, { viaNode: true });
      await readText(client, 100_000);
      await client.reset();
    }
    await drained(server);
    await balance.settledFds(before);
  });
} else {
  for (const name of Object.values(names)) {
    skip(name, "this version of Deno cannot reset connections");
  }
}

t("a client that closes while the backend sends ends the connection to the backend", async () => {
  await using server = backend(async (conn) => {
    for (const buffer = new Uint8Array(65536);;) await conn.write(buffer);
  });
  await using balance = await startBalance(["-f", "PORT", server.address]);
  const before = await balance.quietFds();
  {
    await using client = await connect(balance.port);
    await readText(client, 100_000);
  }
  await drained(server);
  await balance.settledFds(before);
});

withTools(["python3"], "a download that a reset cuts off does not look complete", async () => {
  await using server = await resettingWhileSending(10);
  await using balance = await startBalance(["-f", "PORT", server.address]);
  const ends = new Set<string>();
  for (let round = 0; round < ROUNDS; round++) {
    await using client = await connect(balance.port);
    // What the client has ended before makes no difference.
    await client.closeWrite();
    ends.add((await readToEnd(client)).end);
  }
  // The default engine cannot reset a connection.
  assertEquals([...ends], [ENGINE === "epoll" ? "RST" : "EOF"]);
});
