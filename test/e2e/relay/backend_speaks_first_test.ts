import { assertEquals } from "@std/assert";
import { writeAll } from "../../../lib/base/bytes.ts";
import { backend } from "../../helpers/net/backends.ts";
import { connect, readText, readToEnd } from "../../helpers/net/client.ts";
import { startBalance } from "../../helpers/program/start_balance.ts";
import { t } from "../../helpers/t.ts";

t("a greeting arrives before the client has sent anything", async () => {
  await using server = backend(async (conn) => {
    await writeAll(conn, new TextEncoder().encode("220 ready\r\n"));
    await conn.read(new Uint8Array(100));
  });
  await using balance = await startBalance(["-f", "PORT", server.address]);
  await using client = await connect(balance.port);
  assertEquals(await readText(client, 11), "220 ready\r\n");
  await client.send("QUIT\r\n");
  assertEquals((await readToEnd(client)).end, "EOF");
});

t("a backend that sends and closes without reading is delivered to the end", async () => {
  const text = "all of it\n".repeat(100_000);
  await using server = backend((conn) => writeAll(conn, new TextEncoder().encode(text)));
  await using balance = await startBalance(["-f", "PORT", server.address]);
  await using client = await connect(balance.port);
  const answer = await readToEnd(client);
  assertEquals([answer.text === text, answer.end], [true, "EOF"]);
});
