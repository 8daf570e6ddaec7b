import { assertEquals } from "@std/assert";
import { namedBackends } from "../../helpers/net/backends.ts";
import { ask, connect, distribution, readLine, sequence, tally } from "../../helpers/net/client.ts";
import { startBalance } from "../../helpers/program/start_balance.ts";
import { t } from "../../helpers/t.ts";

t("round robin uses the channels strictly in turn", async () => {
  await using backends = namedBackends(3);
  await using balance = await startBalance(["-f", "PORT", ...backends.addresses]);
  const names = await sequence(balance.port, 30);
  assertEquals(names.join(" "), Array(10).fill("B0 B1 B2").join(" "));
});

t("a single channel gets every connection", async () => {
  await using backends = namedBackends(1);
  await using balance = await startBalance(["-f", "PORT", ...backends.addresses]);
  assertEquals(await distribution(balance.port, 5), "B0: 5");
});

t("a channel that is listed twice gets twice as many connections", async () => {
  await using backends = namedBackends(2);
  const [b0 = "", b1 = ""] = backends.addresses;
  await using balance = await startBalance(["-f", "PORT", b0, b1, b1]);
  assertEquals(await distribution(balance.port, 30), "B0: 10, B1: 20");
});

t("simultaneous connections are distributed as evenly as sequential ones", async () => {
  await using backends = namedBackends(3);
  await using balance = await startBalance(["-f", "PORT", ...backends.addresses]);
  const names = await Promise.all(Array.from({ length: 60 }, () => ask(balance.port)));
  assertEquals(tally(names), "B0: 20, B1: 20, B2: 20");
});

t("a backup group gets no connections while the first group answers", async () => {
  await using backends = namedBackends(3);
  const [b0 = "", b1 = "", b2 = ""] = backends.addresses;
  await using balance = await startBalance(["-f", "PORT", b0, b1, "!", b2]);
  assertEquals(await distribution(balance.port, 20), "B0: 10, B1: 10");
});

t("a connection that stays open does not affect the rotation", async () => {
  await using backends = namedBackends(2);
  await using balance = await startBalance(["-f", "PORT", ...backends.addresses]);
  await using held = await connect(balance.port);
  assertEquals(await readLine(held), "B0");
  assertEquals((await sequence(balance.port, 4)).join(" "), "B1 B0 B1 B0");
});
