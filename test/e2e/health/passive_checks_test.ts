import { assert, assertEquals, assertMatch } from "@std/assert";
import { blackHole, named, refusing } from "../../helpers/net/backends.ts";
import { ask, distribution, sequence } from "../../helpers/net/client.ts";
import { showRows, talk } from "../../helpers/net/control_socket.ts";
import { dialing } from "../../helpers/net/tcp_sockets.ts";
import { startControlled } from "../../helpers/program/start_controlled.ts";
import { later, t, until } from "../../helpers/t.ts";

t("--passive 3/1: down after three refused connects, up when a client gets through", async () => {
  await using dead = refusing();
  await using other = named("B1");
  const argv = ["-f", "--passive", "3/1", "PORT", dead.address, other.address];
  await using balance = await startControlled(argv, { expectStderr: "any" });
  assertEquals(await distribution(balance.port, 8), "B1: 8");
  await balance.waitForStderr(
    /^channel 0\.0 \S+ is down: connection refused \(3 of 3 attempts\)\n$/,
  );
  await using _back = named("back", { port: dead.port });
  await until(async () => await ask(balance.port) === "back", {
    timeoutMs: 20_000,
    what: "a client that finds out",
  });
  await balance.waitForStderr(/down[^\n]*\nchannel 0\.0 \S+ is up: connected\n$/);
  assertEquals(await distribution(balance.port, 4), "B1: 2, back: 2");
});

t("a half-open channel is tried by one client at a time", async () => {
  await using hole = await blackHole();
  await using other = named("B1");
  const argv = ["-f", "-t", "2", "--passive", "1/0.2", "PORT", hole.address, other.address];
  await using balance = await startControlled(argv, { expectStderr: /^channel 0\.0 \S+ is down/ });
  const isHalfOpen = async () => (await talk(balance.socket, "checks\n")).includes("half open");
  assertEquals(await ask(balance.port), "B1");
  await until(isHalfOpen, { what: "half open" });
  const started = performance.now();
  let served = 0;
  const clients = Array.from({ length: 20 }, () => later(ask(balance.port)).then(() => served++));
  await until(() => served >= 19, { timeoutMs: 20_000, what: "19 clients" });
  // Unless the machine was so busy that its time is over.
  assert(served === 20 || dialing(hole.port) === 1, `${dialing(hole.port)} connects`);
  await Promise.all(clients);
  const [first] = await showRows(balance.socket);
  // Each of them takes two seconds, and the first one was before.
  const allowed = 2 + Math.floor((performance.now() - started) / 2000);
  assert(first !== undefined && first.totalc <= allowed, `${first?.totalc} attempts`);
});

t("with a backend that drops packets, one client in ten seconds waits", async () => {
  await using hole = await blackHole();
  await using other = named("B1");
  const argv = ["-f", "-t", "2", "PORT", hole.address, other.address];
  await using balance = await startControlled(argv);
  const started = performance.now();
  let slow = 0;
  for (let i = 0; i < 100; i++) {
    const before = performance.now();
    assertEquals(await ask(balance.port), "B1");
    if (performance.now() - before > 1500) slow++;
  }
  const allowed = 1 + Math.floor((performance.now() - started) / 10_000);
  assert(slow <= allowed, `${slow} of 100 clients waited`);
});

t("a channel with another backend is not suspect", async () => {
  await using hole = await blackHole();
  await using other = named("B1");
  const argv = ["-f", "-t", "1", "PORT", hole.address, other.address];
  await using balance = await startControlled(argv);
  assertEquals(await ask(balance.port), "B1");
  assertMatch(await talk(balance.socket, "checks\n"), /suspect/);
  await talk(balance.socket, "disable 0\n");
  await using back = named("back");
  await talk(balance.socket, `assign 0 127.0.0.1 ${back.port}\nenable 0\n`);
  // Another backend is not suspect.
  assertEquals((await sequence(balance.port, 4)).toSorted(), ["B1", "B1", "back", "back"]);
});

t("--passive off: every client in turn waits for a backend that drops packets", async () => {
  await using hole = await blackHole();
  await using other = named("B1");
  const argv = ["-f", "-t", "1", "--passive", "off", "PORT", hole.address, other.address];
  await using balance = await startControlled(argv);
  assertEquals(await distribution(balance.port, 4), "B1: 4");
  const [first] = await showRows(balance.socket);
  assertEquals(first?.totalc, 4);
});
