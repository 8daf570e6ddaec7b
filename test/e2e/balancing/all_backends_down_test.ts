import { assertEquals, assertMatch } from "@std/assert";
import { named, refusing } from "../../helpers/net/backends.ts";
import { ask, connect, readToEnd } from "../../helpers/net/client.ts";
import { startBalance } from "../../helpers/program/start_balance.ts";
import { t } from "../../helpers/t.ts";

t(
  "with all backends down a client is accepted and closed at once, and balance keeps running",
  async () => {
    await using dead = refusing();
    await using alsoDead = refusing();
    const argv = ["-f", "PORT", dead.address, alsoDead.address, "!", dead.address];
    await using balance = await startBalance(argv);
    const before = await balance.quietFds();
    for (let i = 0; i < 20; i++) assertEquals(await ask(balance.port), "EOF");
    await balance.settledFds(before);
    await using _back = named("back", { port: dead.port });
    assertEquals(await ask(balance.port), "back");
  },
);

t("with all backends down a client that has sent data is closed as well", async () => {
  await using dead = refusing();
  await using balance = await startBalance(["-f", "PORT", dead.address]);
  await using client = await connect(balance.port);
  await client.send("hello?").catch(() => {});
  const { text, end } = await readToEnd(client);
  assertEquals(text, "");
  assertMatch(end, /^(EOF|RST)$/);
});

t("without a channel every client is closed at once", async () => {
  await using balance = await startBalance(["-f", "PORT"]);
  assertEquals(await ask(balance.port), "EOF");
  assertEquals(await ask(balance.port), "EOF");
});
