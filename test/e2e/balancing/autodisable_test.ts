import { assertEquals } from "@std/assert";
import { named, namedBackends } from "../../helpers/net/backends.ts";
import { distribution } from "../../helpers/net/client.ts";
import { startBalance } from "../../helpers/program/start_balance.ts";
import { t } from "../../helpers/t.ts";

t("-a disables a refusing channel, reports it once, and does not try it again", async () => {
  await using backends = namedBackends(2);
  const dead = backends.at(0);
  await dead.stop();
  await using balance = await startBalance(["-f", "-a", "PORT", ...backends.addresses], {
    expectStderr: /./,
  });
  assertEquals(await distribution(balance.port, 4), "B1: 4");
  await using back = named("back", { port: dead.port });
  assertEquals(await distribution(balance.port, 4), "B1: 4");
  assertEquals(back.accepted, 0);
  const { stderr } = await balance.stop();
  assertEquals(
    stderr,
    "connection failed group 0 channel 0\n" +
      `${dead.address} needs to be enabled manually using balance -i ` +
      "after the problem is solved\n",
  );
});

t("without -a a refusing channel is tried again at each of its turns", async () => {
  await using backends = namedBackends(2);
  const dead = backends.at(0);
  await dead.stop();
  await using balance = await startBalance(["-f", "PORT", ...backends.addresses]);
  assertEquals(await distribution(balance.port, 4), "B1: 4");
  await using _back = named("back", { port: dead.port });
  assertEquals(await distribution(balance.port, 4), "B1: 2, back: 2");
});
