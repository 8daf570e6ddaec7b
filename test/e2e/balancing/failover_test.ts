import { assertEquals } from "@std/assert";
import { named, namedBackends, refusing } from "../../helpers/net/backends.ts";
import { connect, distribution, readLine, readText, sequence } from "../../helpers/net/client.ts";
import { startBalance } from "../../helpers/program/start_balance.ts";
import { t } from "../../helpers/t.ts";

t("a channel that refuses is passed over for the next one of its group", async () => {
  await using backends = namedBackends(3);
  await backends.at(1).stop();
  await using balance = await startBalance(["-f", "PORT", ...backends.addresses]);
  assertEquals((await sequence(balance.port, 6)).join(" "), "B0 B2 B0 B2 B0 B2");
});

t("a group without a backend that answers hands over to the next group", async () => {
  await using backends = namedBackends(2);
  await using dead = refusing();
  await using alsoDead = refusing();
  const argv = ["-f", "PORT", dead.address, alsoDead.address, "!", ...backends.addresses];
  await using balance = await startBalance(argv);
  assertEquals(await distribution(balance.port, 6), "B0: 3, B1: 3");
});

t("failover passes through several dead groups", async () => {
  await using backends = namedBackends(1);
  await using dead = refusing();
  const argv = ["-f", "PORT", dead.address, "!", dead.address, "!", ...backends.addresses];
  await using balance = await startBalance(argv);
  assertEquals(await distribution(balance.port, 3), "B0: 3");
});

t("a backend that stops and comes back is used again without further ado", async () => {
  await using backends = namedBackends(2);
  const [b0 = "", b1 = ""] = backends.addresses;
  await using balance = await startBalance(["-f", "PORT", b0, b1]);
  assertEquals(await distribution(balance.port, 4), "B0: 2, B1: 2");
  await backends.at(1).stop();
  assertEquals(await distribution(balance.port, 4), "B0: 4");
  await using _back = named("B1", { port: backends.at(1).port });
  assertEquals(await distribution(balance.port, 4), "B0: 2, B1: 2");
});

t("what the client sends first arrives at the backend that finally answers", async () => {
  await using backends = namedBackends(1);
  await using dead = refusing();
  const argv = ["-f", "PORT", dead.address, dead.address, ...backends.addresses];
  await using balance = await startBalance(argv);
  await using client = await connect(balance.port);
  await client.send("early");
  assertEquals(await readLine(client), "B0");
  assertEquals(await readText(client, 5), "early");
});
