import { assertEquals } from "@std/assert";
import { named, namedBackends, refusing } from "../../helpers/net/backends.ts";
import { connect, distribution, readLine, readText, sequence } from "../../helpers/net/client.ts";
import { startBalance } from "../../helpers/program/start_balance.ts";
import { t } from "../../helpers/t.ts";

t("a refusing channel fails over to the next channel of its group", async () => {
  await using backends = namedBackends(3);
  await backends.at(1).stop();
  await using balance = await startBalance(["-f", "PORT", ...backends.addresses]);
  assertEquals((await sequence(balance.port, 6)).join(" "), "B0 B2 B0 B2 B0 B2");
});

t("a group whose backends all refuse fails over to the next group", async () => {
  await using backends = namedBackends(2);
  await using dead = refusing();
  await using alsoDead = refusing();
  const argv = ["-f", "PORT", dead.address, alsoDead.address, "!", ...backends.addresses];
  await using balance = await startBalance(argv);
  assertEquals(await distribution(balance.port, 6), "B0: 3, B1: 3");
});

t("failover passes several groups whose backends refuse", async () => {
  await using backends = namedBackends(1);
  await using dead = refusing();
  const argv = ["-f", "PORT", dead.address, "!", dead.address, "!", ...backends.addresses];
  await using balance = await startBalance(argv);
  assertEquals(await distribution(balance.port, 3), "B0: 3");
});

t("a backend that stops and comes back gets connections again without a command", async () => {
  await using backends = namedBackends(2);
  const [b0 = "", b1 = ""] = backends.addresses;
  await using balance = await startBalance(["-f", "PORT", b0, b1]);
  assertEquals(await distribution(balance.port, 4), "B0: 2, B1: 2");
  await backends.at(1).stop();
  assertEquals(await distribution(balance.port, 4), "B0: 4");
  await using _back = named("B1", { port: backends.at(1).port });
  assertEquals(await distribution(balance.port, 4), "B0: 2, B1: 2");
});

t("data that the client sends during failover reaches the backend that answers", async () => {
  await using backends = namedBackends(1);
  await using dead = refusing();
  const argv = ["-f", "PORT", dead.address, dead.address, ...backends.addresses];
  await using balance = await startBalance(argv);
  await using client = await connect(balance.port);
  await client.send("early");
  assertEquals(await readLine(client), "B0");
  assertEquals(await readText(client, 5), "early");
});
