import { assertEquals } from "@std/assert";
import { randomBytes, sha256 } from "../../helpers/bytes.ts";
import { echo, named } from "../../helpers/net/backends.ts";
import { connect, hashToEnd, readExactly, readLine, readText } from "../../helpers/net/client.ts";
import { startBalance } from "../../helpers/program/start_balance.ts";
import { later, t } from "../../helpers/t.ts";

t("single bytes are relayed one by one, without waiting for more", async () => {
  await using server = echo();
  await using balance = await startBalance(["-f", "PORT", server.address]);
  await using client = await connect(balance.port);
  for (let byte = 0; byte < 256; byte++) {
    await client.send(new Uint8Array([byte]));
    assertEquals(await readExactly(client, 1), new Uint8Array([byte]));
  }
});

t("the first part of a line is relayed without waiting for the rest", async () => {
  await using server = named("B0");
  await using balance = await startBalance(["-f", "PORT", server.address]);
  await using client = await connect(balance.port);
  assertEquals(await readLine(client), "B0");
  await client.send("hello ");
  assertEquals(await readText(client, 6), "hello ");
  await client.send("world\n");
  assertEquals(await readText(client, 6), "world\n");
});

for (const size of [1, 1023, 1024, 1025, 32768, 65537, 1_000_000, 16_000_003]) {
  t(`${size} bytes arrive unchanged and come back unchanged`, async () => {
    const data = randomBytes(size, size);
    await using server = echo();
    await using balance = await startBalance(["-f", "PORT", server.address]);
    await using client = await connect(balance.port);
    const answer = later(hashToEnd(client));
    await client.send(data);
    await client.closeWrite();
    assertEquals(await answer, { length: size, sha256: sha256(data), end: "EOF" });
  });
}
