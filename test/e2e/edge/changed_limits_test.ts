/** Limits that change while the program runs: by a reload, by operators, and when a worker dies. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { crowd } from "../../helpers/edge/crowd.ts";
import { whyNot } from "../../helpers/engine/can_run.ts";
import { startWithMetrics, untilMetric } from "../../helpers/metrics/start_with_metrics.ts";
import { echo, named } from "../../helpers/net/backends.ts";
import { talk } from "../../helpers/net/control_socket.ts";
import { type Client, readToEnd } from "../../helpers/net/client.ts";
import { echoes, heldConnection } from "../../helpers/net/held_connections.ts";
import { freePort } from "../../helpers/net/ports.ts";
import { startBackground } from "../../helpers/program/start_background.ts";
import { startControlled } from "../../helpers/program/start_controlled.ts";
import { startConfigured } from "../../helpers/reload/start_configured.ts";
import { runDirectory } from "../../helpers/run_directory.ts";
import { skip, t, until } from "../../helpers/t.ts";
import { tempDir } from "../../helpers/temp_dir.ts";
import { CRASH_BYTES } from "../../helpers/workers/bugs.ts";

const MAIN = new URL("../../helpers/workers/buggy_main.ts", import.meta.url).pathname;

/** How many of several clients are served at the same time. */
async function served(port: number, count = 9): Promise<number> {
  await using all = await crowd(port, count);
  return all.served.length;
}

/** The limits, as JSON. */
async function limitsOf({ socket }: { socket: string }): Promise<unknown> {
  return JSON.parse(await talk(socket, "access --json\n")).limits;
}

/** Waits until the clients before are no longer counted, and exactly this many are served. */
async function untilServed(port: number, wanted: number): Promise<void> {
  let last = 0;
  await until(async () => (last = await served(port, wanted + 4)) === wanted, {
    what: () => `${wanted} clients to be served, not ${last}`,
  });
}

t(
  "a reload changes limits; what an operator has set stays, unless that option changes",
  async () => {
    await using server = named("B0");
    const file = (...limits: string[]) => [server.address, ...limits];
    await using web = await startConfigured(file("per-client 2", "accept-rate 1000/500"));
    const { port } = web.balance;
    await untilServed(port, 2);
    await web.control("per-client 5");
    assertMatch(
      await web.reload(...file("per-client 2", "accept-rate 1000/400")),
      /: accept-rate changed$/,
    );
    await untilServed(port, 5);
    assertEquals(await limitsOf(web.balance), { perClient: 5, acceptRate: 1000, clientRate: 400 });
    assertMatch(
      await web.reload(...file("per-client 3", "accept-rate 1000/x")),
      /nothing has changed: .*web\.conf:3: invalid --accept-rate \[1000\/x\]: not N or N\/CLIENT /,
    );
    assertMatch(
      await web.reload(...file("per-client -1")),
      /nothing has changed: .*web\.conf:2: invalid --per-client \[-1\]: not a number from 0 to /,
    );
    await untilServed(port, 5);
    assertEquals(
      await web.reload(...file("per-client 3")),
      "reloaded: per-client, accept-rate changed",
    );
    await untilServed(port, 3);
    assertEquals(await web.reload(...file()), "reloaded: per-client changed");
    assertEquals(await served(port), 9);
  },
);

t("limits that an operator has set are kept with --state, and not after forget", async () => {
  await using server = named("B0");
  using dir = tempDir();
  const argv = ["-f", "--state", `${dir.path}/s`, "--per-client", "7", "PORT", server.address];
  const start = async (port?: number) =>
    await startControlled(argv, { expectStderr: "any", ...port !== undefined && { port } });
  const set = { perClient: 2, acceptRate: 0, clientRate: 900 };
  await using first = await start();
  await talk(first.socket, "per-client 2\naccept-rate 0/900\n");
  await first.stop();
  await using second = await start(first.port);
  assertEquals(await limitsOf(second), set);
  await untilServed(second.port, 2);
  await talk(second.socket, "forget\n");
  assertEquals(await limitsOf(second), set);
  await second.stop();
  await using third = await start(first.port);
  assertEquals(await limitsOf(third), { perClient: 7, acceptRate: 0, clientRate: 0 });
  // As configured is no change, so that another option applies at the next start.
  await talk(third.socket, "per-client 8\nper-client 7\nsave\n");
  assertEquals(Deno.readTextFileSync(`${dir.path}/s`).includes("perClient"), false);
});

t("a successor has the limits that operators set, and counts its own connections", async () => {
  await using server = named("B0");
  using directory = runDirectory();
  const at = { port: freePort(), rundir: directory.path };
  await using old = await startBackground(["PORT", server.address], at);
  await talk(old.socket, "per-client 3\n");
  await using before = await crowd(at.port, 5);
  assertEquals(before.served.length, 3);
  await using next = await startBackground(["--takeover", "PORT", server.address], at);
  assert(next.pid !== old.pid);
  assertEquals(await limitsOf(next), { perClient: 3, acceptRate: 0, clientRate: 0 });
  await using after = await crowd(at.port, 5);
  assertEquals(after.served.length, 3);
});

t("refused clients are counted by reason, and logged once per minute", async () => {
  await using server = named("B0");
  using dir = tempDir();
  const metrics = freePort(), log = `${dir.path}/log`;
  await using balance = await startWithMetrics(
    [`${metrics}`, "--per-client", "2", "--log", log, "PORT", server.address],
    { port: metrics, expectStderr: "any" },
  );
  const ended = (reason: string, count: number) =>
    untilMetric(metrics, "balance_connections_ended_total", { reason }, count);
  {
    await using all = await crowd(balance.port, 12);
    assertEquals(all.served.length, 2);
    await ended("client_limit", 10);
  }
  await until(() => server.open === 0);
  await talk(balance.socket, "per-client 0\naccept-rate 0/1\n");
  {
    const start = performance.now();
    await using all = await crowd(balance.port, 4);
    const seconds = (performance.now() - start) / 1000, { served, refused } = all;
    assert(served.length >= 1 && served.length <= 1 + Math.floor(seconds), `${served.length}`);
    await ended("client_rate", refused.length);
  }
  const lines = () => Deno.readTextFileSync(log).split("\n");
  for (const reason of ["client_limit", "client_rate"]) {
    await until(() => lines().some((line) => line.includes(`reason=${reason}`)));
    assertEquals(lines().filter((line) => line.includes(`reason=${reason}`)).length, 1);
  }
});

async function assertRefused(port: number): Promise<void> {
  for (let i = 0; i < 3; i++) {
    assert(await heldConnection(port).then(() => false, () => true));
  }
}

const reason = whyNot("epoll");
if (reason === undefined) {
  t("the connections of a worker that dies are no longer counted, and the others are", async () => {
    await using server = echo();
    await using balance = await startControlled(
      ["-f", "--engine", "epoll", "--workers", "3", "--per-client", "9", "PORT", server.address],
      { main: MAIN, expectStderr: "any" },
    );
    await using held = new AsyncDisposableStack();
    const crashing = held.use(await heldConnection(balance.port));
    const others: Client[] = [];
    for (let i = 0; i < 8; i++) others.push(held.use(await heldConnection(balance.port)));
    await assertRefused(balance.port);
    await crashing.send(new Uint8Array(CRASH_BYTES));
    // When it has ended, its worker serves nobody.
    await readToEnd(crashing);
    const alive = await Promise.all(others.map((one) => echoes(one).then(() => 1, () => 0)));
    const free = 9 - alive.reduce<number>((sum, each) => sum + each, 0);
    const more: unknown[] = [];
    await until(async () => {
      try {
        more.push(held.use(await heldConnection(balance.port)));
      } catch { /* refused */ }
      return more.length === free;
    }, { what: () => `${free} places to be free, not ${more.length}` });
    await assertRefused(balance.port);
  });
} else skip("the connections of a worker that dies are no longer counted", reason);
