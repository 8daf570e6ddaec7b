import { assert, assertEquals } from "@std/assert";
import { blackHole, namedBackends } from "../../helpers/net/backends.ts";
import { ask, connect } from "../../helpers/net/client.ts";
import { showRows } from "../../helpers/net/control_socket.ts";
import { dialing } from "../../helpers/net/tcp_sockets.ts";
import { startBalance } from "../../helpers/program/start_balance.ts";
import { startControlled } from "../../helpers/program/start_controlled.ts";
import { later, t, until } from "../../helpers/t.ts";

t("a backend that does not answer within -t seconds fails over to the next channel", async () => {
  await using hole = await blackHole();
  await using backends = namedBackends(1);
  const argv = ["-f", "-t", "1", "PORT", hole.address, ...backends.addresses];
  await using balance = await startBalance(argv);
  const started = performance.now();
  assertEquals(await ask(balance.port), "B0");
  const seconds = (performance.now() - started) / 1000;
  assert(seconds > 0.8 && seconds < 4, `took ${seconds} s`);
});

t("other clients are served while a backend does not answer", async () => {
  await using hole = await blackHole();
  await using backends = namedBackends(1);
  const argv = ["-f", "-t", "3", "PORT", hole.address, ...backends.addresses];
  await using balance = await startBalance(argv);
  const before = await balance.quietFds();
  let isServed = false;
  const slow = later(ask(balance.port).finally(() => isServed = true));
  await until(() => dialing(hole.port) > 0, { what: "the connect that gets no answer" });
  assertEquals(await ask(balance.port), "B0");
  assert(!isServed, "waited for the backend of another connection");
  assertEquals(await slow, "B0");
  await balance.settledFds(before);
});

t("with -a a backend that does not answer is disabled, and not tried again", async () => {
  await using hole = await blackHole();
  await using backends = namedBackends(1);
  const argv = ["-f", "-a", "-t", "1", "PORT", hole.address, ...backends.addresses];
  await using balance = await startControlled(argv, {
    expectStderr: /^connection failed group 0 channel 0\n[^\n]+ needs to be enabled manually/,
  });
  for (let i = 0; i < 3; i++) assertEquals(await ask(balance.port), "B0");
  const [disabled] = await showRows(balance.socket);
  assertEquals([disabled?.state, disabled?.totalc], ["dis", 1], "it was tried again");
});

t("a client that closes while its backend does not answer leaves no descriptors", async () => {
  await using hole = await blackHole();
  const argv = ["-f", "-t", "2", "PORT", hole.address];
  await using balance = await startBalance(argv);
  const before = await balance.quietFds();
  {
    await using client = await connect(balance.port);
    await client.send("x");
  }
  await balance.settledFds(before, 8000);
});
