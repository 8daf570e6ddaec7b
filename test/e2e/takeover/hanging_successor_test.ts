/** A successor or predecessor that hangs, or is stopped, in the middle of a takeover. */

import { assertEquals, assertMatch } from "@std/assert";
import { named } from "../../helpers/net/backends.ts";
import { helloOf } from "../../helpers/net/control_socket.ts";
import { listenersOn } from "../../helpers/net/tcp_sockets.ts";
import { runBalance } from "../../helpers/program/start_balance.ts";
import { startBackground } from "../../helpers/program/start_background.ts";
import { startControlled } from "../../helpers/program/start_controlled.ts";
import { runDirectory } from "../../helpers/run_directory.ts";
import { startLoad } from "../../helpers/takeover/load.ts";
import { sessionProxy } from "../../helpers/takeover/session_proxy.ts";
import { successorSession } from "../../helpers/takeover/successor_session.ts";
import { t, until } from "../../helpers/t.ts";

t("a successor that hangs after it has got the connections gives them back", async () => {
  await using backend = named("B0");
  using directory = runDirectory();
  const env = { BALANCE_RUNDIR: directory.path };
  await using old = await startControlled(["-f", "PORT", backend.address], {
    env,
    expectStderr:
      /^balance: the successor does not serve, .*\nbalance: process \d+ has taken over.*\n$/,
  });
  const { port } = old;
  await using load = startLoad(port, { clients: 10, transfers: 10, transferMs: 500 });
  await using proxy = sessionProxy(
    { port, target: old.socket },
    (line) => line.includes('"serving"'),
  );
  const starting = runBalance(["-f", "--takeover", "PORT", backend.address], {
    port,
    rundir: proxy.rundir,
  });
  await until(() => listenersOn(port) === 2, { timeoutMs: 20_000 });
  await old.waitForStderr(/does not serve/, 30_000);
  proxy.release();
  const { code, stderr } = await starting;
  assertEquals(code, 69);
  assertMatch(stderr, /^balance: can't take over the balance on .*: this program was too slow/);
  const { served } = load;
  await until(() => load.served > served + 20);
  assertEquals((await helloOf(old.socket)).stopping, false);
  // Nothing of that takeover is left: another one works.
  const argv = ["--takeover", "PORT", backend.address];
  await load.end();
  assertEquals(load.errors, {});
  await using next = await startBackground(argv, { port, rundir: directory.path });
  await old.ended;
  assertEquals((await helloOf(next.socket)).pid, next.pid);
});

t(
  "a predecessor that is stopped while it leaves reports when it no longer listens",
  async () => {
    await using backend = named("B0");
    await using balance = await startBackground(["PORT", backend.address]);
    using successor = await successorSession(balance.socket);
    await successor.send(".takeover");
    assertEquals((await successor.line()).type, "begun");
    await successor.send(JSON.stringify({ type: "listen" }));
    assertEquals((await successor.line()).type, "steered");
    await successor.send(JSON.stringify({ type: "commit", pid: Deno.pid }));
    assertEquals((await successor.line()).type, "committed");
    await using load = startLoad(balance.port, { clients: 1, transfers: 1, transferMs: 60_000 });
    await until(() => load.served > 0);
    await successor.send(JSON.stringify({ type: "serving" }));
    assertEquals((await successor.line()).type, "retiring");
    balance.kill("SIGTERM");
    assertEquals(await successor.line(), { type: "left" });
  },
);
