import { assertEquals } from "@std/assert";
import { writeAll } from "../../../lib/base/bytes.ts";
import { backend, named, namedBackends } from "../../helpers/net/backends.ts";
import {
  ask,
  type Client,
  connect,
  readLine,
  readToEnd,
  sequence,
} from "../../helpers/net/client.ts";
import { startBalance } from "../../helpers/program/start_balance.ts";
import { t, until } from "../../helpers/t.ts";

/** Opens connections one after another and keeps them open. */
async function hold(
  port: number,
  count: number,
): Promise<{ names: string[]; clients: Client[] } & AsyncDisposable> {
  const names: string[] = [];
  const clients: Client[] = [];
  for (let i = 0; i < count; i++) {
    const client = await connect(port);
    clients.push(client);
    names.push(await readLine(client));
  }
  return {
    names,
    clients,
    async [Symbol.asyncDispose]() {
      for (const client of clients) await client.close();
    },
  };
}

t("no channel has more open connections than its maxc", async () => {
  await using backends = namedBackends(2);
  const [b0 = "", b1 = ""] = backends.addresses;
  await using balance = await startBalance(["-f", "PORT", `${b0}:1`, `${b1}:2`]);
  await using held = await hold(balance.port, 4);
  assertEquals(held.names.join(" "), "B0 B1 B1 EOF");
  assertEquals([backends.at(0).open, backends.at(1).open], [1, 2]);
});

t("a client that comes right after another one has ended is not turned away for maxc", async () => {
  // Closes a connection as soon as its client has sent anything.
  await using server = backend(async (conn) => {
    await writeAll(conn, new TextEncoder().encode("B0\n"));
    await conn.read(new Uint8Array(16));
  });
  // Workers do not know what the others have yet to count out.
  const argv = ["-f", "--workers", "1", "PORT", `${server.address}:3`];
  await using balance = await startBalance(argv);
  await using held = await hold(balance.port, 2);
  assertEquals(held.names.join(" "), "B0 B0");
  for (let i = 0; i < 50; i++) {
    await using client = await connect(balance.port);
    assertEquals([i, await readLine(client)], [i, "B0"]);
    await client.send("bye");
    await readToEnd(client);
  }
});

t("connections beyond maxc go to the next group, until one of the first group ends", async () => {
  await using backends = namedBackends(2);
  const [b0 = "", b1 = ""] = backends.addresses;
  await using balance = await startBalance(["-f", "PORT", `${b0}:2`, "!", b1]);
  await using held = await hold(balance.port, 4);
  assertEquals(held.names.join(" "), "B0 B0 B1 B1");
  await held.clients[0]?.close();
  await until(async () => await ask(balance.port) === "B0", { what: "group 0 to have room" });
});

t("maxc holds when connections arrive simultaneously", async () => {
  await using backends = namedBackends(2);
  const [b0 = "", b1 = ""] = backends.addresses;
  await using balance = await startBalance(["-f", "PORT", `${b0}:3`, "!", b1]);
  const clients = await Promise.all(Array.from({ length: 20 }, () => connect(balance.port)));
  const names = await Promise.all(clients.map((client) => readLine(client)));
  assertEquals(names.filter((name) => name === "B0").length, 3);
  assertEquals(names.filter((name) => name === "B1").length, 17);
  for (const client of clients) await client.close();
});

t(
  "a full hash channel fails over to the next group, with -H to the next channel",
  async () => {
    await using backends = namedBackends(3);
    const [b0 = "", b1 = "", b2 = ""] = backends.addresses;
    const channels = [`${b0}:1`, b1, "%", b2];
    {
      await using balance = await startBalance(["-f", "PORT", ...channels]);
      await using held = await hold(balance.port, 2);
      assertEquals(held.names.join(" "), "B0 B2");
    }
    await using balance = await startBalance(["-f", "-H", "PORT", ...channels]);
    await using held = await hold(balance.port, 2);
    assertEquals(held.names.join(" "), "B0 B1");
  },
);

t("a failed connect does not count toward maxc", async () => {
  await using backends = namedBackends(2);
  const [b0 = "", b1 = ""] = backends.addresses;
  const { port } = backends.at(0);
  await backends.at(0).stop();
  await using balance = await startBalance(["-f", "PORT", `${b0}:1`, "!", b1]);
  assertEquals((await sequence(balance.port, 3)).join(" "), "B1 B1 B1");
  await using _back = named("B0", { port });
  await using held = await hold(balance.port, 2);
  assertEquals(held.names.join(" "), "B0 B1");
});
