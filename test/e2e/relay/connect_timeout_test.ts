import { assert, assertEquals } from "@std/assert";
import { blackHole, namedBackends } from "../../helpers/net/backends.ts";
import { ask, connect } from "../../helpers/net/client.ts";
import { startBalance } from "../../helpers/program/start_balance.ts";
import { dialing } from "../../helpers/net/tcp_sockets.ts";
import { later, t, until } from "../../helpers/t.ts";

t("a backend that does not answer is given up after -t seconds for the next one", async () => {
  await using hole = await blackHole();
  await using backends = namedBackends(1);
  const argv = ["-f", "-t", "1", "PORT", hole.address, ...backends.addresses];
  await using balance = await startBalance(argv);
  const started = performance.now();
  assertEquals(await ask(balance.port), "B0");
  const seconds = (performance.now() - started) / 1000;
  assert(seconds > 0.8 && seconds < 4, `took ${seconds} s`);
});

t("others are served while a backend is waited for", async () => {
  await using hole = await blackHole();
  await using backends = namedBackends(1);
  const argv = ["-f", "-t", "2", "PORT", hole.address, ...backends.addresses];
  await using balance = await startBalance(argv);
  const before = await balance.quietFds();
  const slow = later(ask(balance.port));
  await until(() => dialing(hole.port) > 0, { what: "the dial that gets no answer" });
  const started = performance.now();
  assertEquals(await ask(balance.port), "B0");
  assert(performance.now() - started < 1500, "waited for another connection's backend");
  assertEquals(await slow, "B0");
  await balance.settledFds(before);
});

t("with -a a backend that does not answer is disabled", async () => {
  await using hole = await blackHole();
  await using backends = namedBackends(1);
  const argv = ["-f", "-a", "-t", "1", "PORT", hole.address, ...backends.addresses];
  await using balance = await startBalance(argv, {
    expectStderr: /^connection failed group 0 channel 0\n[^\n]+ needs to be enabled manually/,
  });
  assertEquals(await ask(balance.port), "B0");
  const started = performance.now();
  assertEquals(await ask(balance.port), "B0");
  assertEquals(await ask(balance.port), "B0");
  assert(performance.now() - started < 900, "tried again");
});

t("nothing stays behind of a client that leaves while its backend is waited for", async () => {
  await using hole = await blackHole();
  await using balance = await startBalance(["-f", "-t", "2", "PORT", hole.address]);
  const before = await balance.quietFds();
  {
    await using client = await connect(balance.port);
    await client.send("x");
  }
  await balance.settledFds(before, 8000);
});
