import { assertEquals } from "@std/assert";
import { writeAll } from "../../../lib/base/bytes.ts";
import { backend } from "../../helpers/net/backends.ts";
import { connect, readText, readToEnd } from "../../helpers/net/client.ts";
import { startBalance } from "../../helpers/program/start_balance.ts";
import { t } from "../../helpers/t.ts";

const encode = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);

t("a client that has half-closed still gets the answer", async () => {
  await using server = backend(async (conn) => {
    const { text } = await readToEnd({ read: (buffer) => conn.read(buffer) });
    await writeAll(conn, encode(`got ${text}`));
  });
  await using balance = await startBalance(["-f", "PORT", server.address]);
  await using client = await connect(balance.port);
  await client.send("request");
  await client.closeWrite();
  assertEquals((await readToEnd(client)).text, "got request");
});

t("a backend that has half-closed still gets what the client sends", async () => {
  const received = Promise.withResolvers<string>();
  await using server = backend(async (conn) => {
    await writeAll(conn, encode("bye"));
    await conn.closeWrite();
    received.resolve((await readToEnd({ read: (buffer) => conn.read(buffer) })).text);
  });
  await using balance = await startBalance(["-f", "PORT", server.address]);
  await using client = await connect(balance.port);
  assertEquals((await readToEnd(client)).text, "bye");
  await client.send("still ");
  await client.send("here");
  await client.closeWrite();
  assertEquals(await received.promise, "still here");
});

t("a half-close before any data is passed on", async () => {
  await using server = backend(async (conn) => {
    const { text } = await readToEnd({ read: (buffer) => conn.read(buffer) });
    await writeAll(conn, encode(`${text.length} bytes`));
  });
  await using balance = await startBalance(["-f", "PORT", server.address]);
  await using client = await connect(balance.port);
  await client.closeWrite();
  assertEquals((await readToEnd(client)).text, "0 bytes");
});

t("a half-close is passed on after a large upload, and a large answer still arrives", async () => {
  const size = 3_000_000;
  await using server = backend(async (conn) => {
    const { bytes } = await readToEnd({ read: (buffer) => conn.read(buffer) });
    await writeAll(conn, bytes);
  });
  await using balance = await startBalance(["-f", "PORT", server.address]);
  await using client = await connect(balance.port);
  await client.send(new Uint8Array(size));
  await client.closeWrite();
  const { bytes, end } = await readToEnd(client);
  assertEquals([bytes.length, end], [size, "EOF"]);
});

t("both connections are closed when both sides have half-closed", async () => {
  await using server = backend(async (conn) => {
    await readToEnd({ read: (buffer) => conn.read(buffer) });
  });
  await using balance = await startBalance(["-f", "PORT", server.address]);
  const before = await balance.quietFds();
  {
    await using client = await connect(balance.port);
    await client.send("x");
    await client.closeWrite();
    assertEquals(await readText(client, 0), "");
    await readToEnd(client);
  }
  await balance.settledFds(before);
});
