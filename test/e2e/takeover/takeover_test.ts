/** `--takeover`: what the new program gets, and when there is nothing to take over. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { fakeServer } from "../../helpers/control/fake_server.ts";
import { hasIpv6, named, namedBackends, refusing } from "../../helpers/net/backends.ts";
import { ask, connect, readText, readToEnd, sequence } from "../../helpers/net/client.ts";
import { controlSession, helloOf, talk } from "../../helpers/net/control_socket.ts";
import { freePort } from "../../helpers/net/ports.ts";
import { syslogReceiver } from "../../helpers/net/syslog_receiver.ts";
import { isAlive } from "../../helpers/program/process.ts";
import { runBalance, startBalance } from "../../helpers/program/start_balance.ts";
import { startBackground } from "../../helpers/program/start_background.ts";
import { startControlled } from "../../helpers/program/start_controlled.ts";
import { runDirectory } from "../../helpers/run_directory.ts";
import { startLoad } from "../../helpers/takeover/load.ts";
import { skip, t, until } from "../../helpers/t.ts";
import { namesIn, tempDir } from "../../helpers/temp_dir.ts";

t("a takeover keeps old connections until their end, and the control socket follows", async () => {
  await using backend = named("B0");
  using directory = runDirectory();
  const at = { port: freePort(), rundir: directory.path };
  await using old = await startBackground(["PORT", backend.address], at);
  await using client = await connect(at.port);
  assertEquals(await readText(client, 3), "B0\n");
  await using next = await startBackground(["--takeover", "PORT", backend.address], at);
  assert(next.pid !== old.pid);
  const listed = JSON.parse((await runBalance(["--list", "--json"], at)).stdout);
  assertEquals(
    listed.map(({ pid, state }: { pid: number; state: string }) => [pid, state]),
    [[next.pid, "running"], [old.pid, "draining"]],
  );
  assertEquals(await ask(at.port), "B0");
  const path = `${old.socket}.old-${old.pid}`;
  await until(async () => (await helloOf(path)).stopping === true);
  using session = await controlSession(path);
  assertMatch((await session.ask("conns")).text, /open/);
  const { stdout } = await runBalance(["-c", "instances", "PORT"], at);
  assertMatch(stdout, new RegExp(`${next.pid} .* running`));
  assertMatch(stdout, new RegExp(`${old.pid} .* draining`));
  await client.send("still there");
  assertEquals(await readText(client, 11), "still there");
  await client.closeWrite();
  await readToEnd(client);
  await old.gone();
  assertEquals(namesIn(at.rundir), [old.socket.slice(at.rundir.length + 1)]);
});

t("connections that outlive --grace are closed, and the old program exits with 0", async () => {
  await using backend = named("B0");
  using directory = runDirectory();
  const rundir = directory.path, env = { BALANCE_RUNDIR: rundir };
  const argv = ["-f", "--grace", "1", "PORT", backend.address];
  await using old = await startControlled(argv, { env, expectStderr: /^balance: .*\n$/ });
  await using client = await connect(old.port);
  assertEquals(await readText(client, 3), "B0\n");
  const at = { port: old.port, rundir };
  await using next = await startBackground(["--takeover", "PORT", backend.address], at);
  await readToEnd(client, { timeoutMs: 10_000 });
  const { code, stderr } = await old.ended;
  assertEquals(
    [code, stderr],
    [
      0,
      `balance: process ${next.pid} has taken over, ` +
      "waiting at most 1 second for 1 connection\n",
    ],
  );
});

t("states, maxc, weights, created channels and health are passed on", async () => {
  await using backends = namedBackends(4);
  await using dead = refusing();
  using directory = runDirectory();
  const at = { port: freePort(), rundir: directory.path };
  const argv = [
    ...["--passive", "1/600", "--max-channels", "8"],
    ...["PORT", ...backends.addresses.slice(0, 3), dead.address],
  ];
  await using old = await startBackground(argv, at);
  assertEquals(await sequence(at.port, 4), ["B0", "B1", "B2", "B0"]);
  const [host, port] = backends.at(3).address.split(":");
  for (const command of ["disable 0", "maxc 1 7", `create ${host} ${port}`, "weight 2 3"]) {
    await talk(old.socket, `${command}\n`);
  }
  const shape = async (socket: string) =>
    JSON.parse(await talk(socket, "show --json\n")).map((
      { channel, state, port, maxc, health, weight }: Record<string, unknown>,
    ) => [channel, state, port, maxc, health, weight]);
  const before = await shape(old.socket);
  assertEquals(before.map((one: unknown[]) => one[4]).slice(-2), ["down", "unknown"]);
  await using next = await startBackground(["--takeover", ...argv], at);
  assertEquals(await shape(next.socket), before);
});

if (hasIpv6) {
  t("--takeover without the -6 of the running balance names it", async () => {
    using directory = runDirectory();
    const rundir = directory.path, argv = ["PORT", "127.0.0.1:9"];
    await using old = await startControlled(["-f", "-6", ...argv], {
      env: { BALANCE_RUNDIR: rundir },
      address: "::",
    });
    const { port, pid } = old;
    const line = `balance: can't bind local address 0.0.0.0:${port}: address already in use ` +
      `(to take it over, looked for balance.${port}.0.0.0.0 in ${rundir}; ` +
      `on this port runs [::]:${port} (pid ${pid}): to take it over, use -6)\n`;
    for (const more of [[], ["--test"]]) {
      const end = await runBalance(["--takeover", ...more, ...argv], { port, rundir });
      assertEquals([end.code, end.stderr], [69, line]);
    }
  });
} else skip("--takeover without the -6 of the running balance names it", "no IPv6 on this machine");

for (
  const [weight, order] of [["1", "B0 B1 B2 B0 B1 B2 B0"], ["5", "B0 B0 B1 B0 B2 B0 B0"]] as const
) {
  t(`round robin continues where it was, weight ${weight}`, async () => {
    await using backends = namedBackends(3);
    using directory = runDirectory();
    const at = { port: freePort(), rundir: directory.path };
    const [first, ...others] = backends.addresses;
    const argv = ["PORT", `${first},weight=${weight}`, ...others];
    await using _old = await startBackground(argv, at);
    const before = await sequence(at.port, 4);
    await using _next = await startBackground(["--takeover", ...argv], at);
    assertEquals([...before, ...await sequence(at.port, 3)].join(" "), order);
  });
}

t("the service manager learns of the new main process, and never of a stop", async () => {
  await using manager = syslogReceiver();
  await using backend = named("B0");
  using directory = runDirectory();
  const env = { NOTIFY_SOCKET: manager.path, BALANCE_RUNDIR: directory.path };
  const argv = ["PORT", backend.address];
  await using old = await startControlled(["-f", ...argv], { env, expectStderr: /taken over/ });
  await manager.waitFor(1);
  const at = { port: old.port, rundir: directory.path, env };
  await using next = await startBackground(["--takeover", ...argv], at);
  assertEquals((await old.ended).code, 0);
  const status = "STATUS=0 connections, 1 of 1 channel available";
  const about = manager.messages.filter((text) => !text.startsWith("STATUS="));
  assertEquals(about, [`READY=1\n${status}`, `MAINPID=${next.pid}`, `READY=1\n${status}`]);
  next.kill("SIGTERM");
  await next.gone();
  assertMatch(manager.messages.at(-1)!, /^STOPPING=1\n/);
});

t("the pid file names the new program, also after the old one has ended", async () => {
  await using backend = named("B0");
  using directory = runDirectory();
  using files = tempDir();
  const path = `${files.path}/pid`, at = { port: freePort(), rundir: directory.path };
  const argv = ["--pid-file", path, "PORT", backend.address];
  await using old = await startBackground(argv, at);
  await using next = await startBackground(["--takeover", ...argv], at);
  await old.gone();
  assertEquals(Deno.readTextFileSync(path), `${next.pid}\n`);
  assertEquals(namesIn(files.path), ["pid"]);
});

t("both programs append to the same log and to the same dump", async () => {
  await using backend = named("B0");
  using directory = runDirectory();
  using files = tempDir();
  const [log, dump] = [`${files.path}/log`, `${files.path}/dump.txt`];
  const at = { port: freePort(), rundir: directory.path };
  const argv = ["--log", log, "--dump-file", dump, "PORT", backend.address];
  await using old = await startBackground(argv, at);
  await using client = await connect(at.port);
  await client.send("before");
  assertEquals(await readText(client, 9), "B0\nbefore");
  await using next = await startBackground(["--takeover", ...argv], at);
  await client.send("after");
  assertEquals(await readText(client, 5), "after");
  await using other = await connect(at.port);
  await other.send("other");
  assertEquals(await readText(other, 8), "B0\nother");
  for (const one of [client, other]) {
    await one.closeWrite();
    await readToEnd(one);
  }
  await old.gone();
  next.kill("SIGTERM");
  await next.gone();
  assertEquals(Deno.readTextFileSync(log).trimEnd().split("\n").length, 2);
  const dumped = Deno.readTextFileSync(dump);
  for (const text of ["before", "after", "other"]) assert(dumped.includes(text), text);
});

t("in the background, the parent prints that there is nothing to take over", async () => {
  await using backend = named("B0");
  await using balance = await startBackground(["--takeover", "PORT", backend.address]);
  assertEquals(
    balance.parent.stderr,
    "balance: nothing to take over, starting as usual: " +
      `no balance runs on 0.0.0.0:${balance.port}\n`,
  );
});

t("of two takeovers at the same time, one wins, and the other reports why", async () => {
  await using backend = named("B0");
  using directory = runDirectory();
  const at = { port: freePort(), rundir: directory.path };
  await using old = await startBackground(["PORT", backend.address], at);
  await using load = startLoad(at.port, { clients: 10, transfers: 10, transferMs: 500 });
  const argv = ["--takeover", "PORT", backend.address];
  const results = await Promise.all([1, 2].map(() => runBalance(argv, at)));
  const { pid } = await helloOf(old.socket);
  try {
    // The second one may have begun when the first one served already.
    const codes = results.map(({ code }) => code).sort((a, b) => a - b);
    assert(codes[0] === 0 && [0, 69].includes(codes[1]!), JSON.stringify(results));
    for (const { code, stderr } of results) {
      const busy = `balance: can't take over the balance on 0.0.0.0:${at.port}: ` +
        "another takeover of this balance is in progress\n";
      assertEquals(stderr, code === 0 ? "" : busy);
    }
    await old.gone(10_000);
    await load.end();
    assertEquals(load.errors, {});
  } finally {
    if (isAlive(pid)) Deno.kill(pid, "SIGKILL");
    await until(() => !isAlive(pid));
  }
});

t("a predecessor that is killed while it leaves does not prevent the next takeover", async () => {
  await using backend = named("B0");
  using directory = runDirectory();
  const at = { port: freePort(), rundir: directory.path };
  const argv = ["--workers", "2", "--engine", "streams", "PORT", backend.address];
  await using all = new AsyncDisposableStack();
  let current = all.use(await startBackground(argv, at));
  for (let i = 0; i < 3; i++) {
    const next = all.use(await startBackground(["--takeover", ...argv], at));
    current.kill("SIGKILL");
    await current.gone();
    assertEquals(await ask(at.port), "B0");
    current = next;
  }
  await using load = startLoad(at.port, { clients: 10, transfers: 10, transferMs: 500 });
  const last = all.use(await startBackground(["--takeover", ...argv], at));
  await current.gone(10_000);
  await load.end();
  assertEquals(load.errors, {});
  assertEquals((await helloOf(last.socket)).pid, last.pid);
});

t("with nothing to take over, it is an ordinary start with a notice", async () => {
  await using backend = named("B0");
  const argv = ["-f", "--takeover", "PORT", backend.address];
  await using balance = await startBalance(argv, { expectStderr: /./ });
  assertEquals(
    (await balance.waitForStderr(/.*\n/))[0],
    "balance: nothing to take over, starting as usual: " +
      `no balance runs on 0.0.0.0:${balance.port}\n`,
  );
  await until(() => ask(balance.port).then((name) => name === "B0", () => false));
});

t("an old version that cannot be taken over keeps its port", async () => {
  using directory = runDirectory();
  const port = freePort(), rundir = directory.path;
  using _listener = Deno.listen({ port });
  await using _server = fakeServer(rundir, { address: "0.0.0.0", port }, {
    version: "4.0.0",
    pid: Deno.pid,
  });
  const { code, stderr } = await runBalance(["-f", "--takeover", "PORT", "127.0.0.1"], {
    port,
    rundir,
  });
  assertEquals(code, 69);
  assertEquals(
    stderr,
    "balance: nothing to take over, starting as usual: " +
      "the running balance (version 4.0.0) cannot be taken over\n" +
      `balance: can't bind local address 0.0.0.0:${port}: address already in use\n`,
  );
});

t("an ordinary start on the address of a balance still fails, also after a takeover", async () => {
  await using backend = named("B0");
  using directory = runDirectory();
  const at = { port: freePort(), rundir: directory.path };
  await using _old = await startBackground(["PORT", backend.address], at);
  await using next = await startBackground(["--takeover", "PORT", backend.address], at);
  for (const argv of [[], ["-b", "127.0.0.1"], ["--workers", "2"], ["--engine", "epoll"]]) {
    const { code, stderr } = await runBalance(["-f", ...argv, "PORT", backend.address], at);
    assertEquals(code, 69);
    assertMatch(stderr, /^balance: can't bind local address .*: address already in use\n$/);
  }
  assertEquals((await helloOf(next.socket)).pid, next.pid);
  assertEquals(await ask(at.port), "B0");
});
