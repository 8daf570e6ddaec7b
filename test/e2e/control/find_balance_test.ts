/** Finding a balance to control: where the client looks, what it prints, and `--list`. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { hasIpv6, named } from "../../helpers/net/backends.ts";
import { connect, readText } from "../../helpers/net/client.ts";
import { socketPath } from "../../helpers/net/control_socket.ts";
import { type FakeServer, fakeServer } from "../../helpers/control/fake_server.ts";
import { leaveStale } from "../../helpers/control/stale_socket.ts";
import { freePort } from "../../helpers/net/ports.ts";
import { runBalance } from "../../helpers/program/start_balance.ts";
import { startControlled } from "../../helpers/program/start_controlled.ts";
import { runDirectory } from "../../helpers/run_directory.ts";
import { VERSION } from "../../../lib/base/version.ts";
import { skip, t, until } from "../../helpers/t.ts";

const NO_MASTER = "no master process, exiting.\n";

t("without a balance, the client prints where it looked, and exits with 69", async () => {
  using directory = runDirectory();
  const port = freePort(), rundir = directory.path;
  for (const argv of [["-c", "show"], ["-i"]]) {
    const end = await runBalance([...argv, "PORT"], { port, rundir });
    assertEquals([end.code, end.stdout], [69, NO_MASTER]);
    assertEquals(
      end.stderr,
      `balance: found no balance that listens on 0.0.0.0:${port}: ` +
        `looked for balance.${port}.0.0.0.0 in ${rundir}\n`,
    );
  }
  // A stale socket is none.
  leaveStale(socketPath(rundir, port));
  const stale = await runBalance(["-c", "show", "PORT"], { port, rundir });
  assertEquals([stale.code, stale.stdout], [69, NO_MASTER]);
  assertEquals(stale.stderr.split("\n").length, 2);
});

t("the client names the balance with another address, and the option to reach it", async () => {
  using directory = runDirectory();
  const env = { BALANCE_RUNDIR: directory.path }, rundir = directory.path;
  const argv = ["-f", "-b", "127.0.0.1", "PORT", "127.0.0.1:9"];
  await using balance = await startControlled(argv, { env, address: "127.0.0.1" });
  const { port, pid } = balance;
  const end = await runBalance(["-c", "show", "PORT"], { port, rundir });
  assertEquals([end.code, end.stdout], [69, NO_MASTER]);
  assertEquals(
    end.stderr.split("\n")[1],
    `balance: 127.0.0.1:${port} (pid ${pid}): to control it, use -b 127.0.0.1`,
  );
  const right = await runBalance(["-b", "127.0.0.1", "-c", "rr", "PORT"], { port, rundir });
  assertEquals([right.code, right.stderr], [0, ""]);

  const other = await runBalance(["-c", "show", String(port - 1)], { rundir });
  assertEquals(other.stderr.split("\n")[1], `balance: running: 127.0.0.1:${port} (pid ${pid})`);
});

if (hasIpv6) {
  t("the client names a balance that was started with -6, and one without -b", async () => {
    using directory = runDirectory();
    const env = { BALANCE_RUNDIR: directory.path }, rundir = directory.path;
    await using six = await startControlled(["-f", "-6", "PORT", "127.0.0.1:9"], {
      env,
      address: "::",
    });
    await using four = await startControlled(["-f", "PORT", "127.0.0.1:9"], { env });
    const stderr = async (argv: string[]) => (await runBalance(argv, { rundir })).stderr;
    assertMatch(await stderr(["-c", "show", String(six.port)]), /\(pid \d+\): .*, use -6\n/);
    assertMatch(await stderr(["-6", "-c", "show", String(four.port)]), /, use neither -b nor -6\n/);
  });
} else skip("the client names a balance that was started with -6", "no IPv6 on this machine");

/** The cells of a table. */
const cells = (text: string) => text.trimEnd().split("\n").map((line) => line.trim().split(/\s+/));

t("--list prints a heading without balances, and a line for each", async () => {
  using directory = runDirectory();
  const env = { BALANCE_RUNDIR: directory.path }, rundir = directory.path;
  const list = (...more: string[]) => runBalance(["--list", ...more], { rundir });
  const heading = ["PID", "ADDRESS", "PORT", "VERSION", "UPTIME", "OPEN", "STATE"];
  const user = Deno.uid() === 0 ? ["USER"] : [];
  const none = await list();
  assertEquals([none.code, none.stderr], [0, ""]);
  assertEquals(cells(none.stdout), [[...heading, ...user]]);
  assertEquals((await list("--json")).stdout, "[]\n");

  await using backend = named("B0");
  leaveStale(socketPath(rundir, 1));
  await using balance = await startControlled(["-f", "PORT", backend.address], { env });
  await using client = await connect(balance.port);
  await client.send("x");
  await readText(client, 2);
  const at = { address: "127.0.0.1", port: balance.port + 1 };
  await using old = fakeServer(rundir, at, { version: "4.0.0", pid: 77 }, {
    "conns --json": "[{},{},{}]\n",
  });
  await using _silent = fakeServer(rundir, { ...at, port: balance.port + 2 });
  const { code, stdout, stderr } = await list();
  assertEquals([code, stderr], [0, ""]);
  const [, ...rows] = cells(stdout).map((row) => row.map((cell, i) => i === 4 ? "time" : cell));
  const root = Deno.uid() === 0 ? ["root"] : [];
  const { port, pid } = balance;
  assertEquals(rows, [
    [`${pid}`, "0.0.0.0", `${port}`, VERSION, "time", "1", "running", ...root],
    ["77", "127.0.0.1", `${port + 1}`, "4.0.0", "time", "3", "running", ...root],
    ["-", "127.0.0.1", `${port + 2}`, "-", "time", "-", "not", "answering", ...root],
  ]);
  assertEquals(old.asked, ["conns --json"]);
  const [first] = JSON.parse((await list("--json")).stdout);
  assert(first.uptimeMs > 0);
  assertEquals({ ...first, uptimeMs: 0 }, {
    pid,
    address: "0.0.0.0",
    port,
    version: VERSION,
    uptimeMs: 0,
    open: 1,
    state: "running",
    uid: Deno.uid(),
    socket: socketPath(rundir, port),
  });
});

t("control characters in the greeting of a server do not reach the terminal", async () => {
  using directory = runDirectory();
  const rundir = directory.path, port = freePort(), evil = "\x1b]0;evil\x07";
  const hello = { version: `4.0.${evil}`, pid: 1, open: evil, uptimeMs: evil, address: evil };
  await using _server = fakeServer(rundir, { address: "127.0.0.1", port }, hello);
  const length = { "conns --json": '{"length":"\\u001b]0;evil\\u0007"}' };
  const at = { address: "127.0.0.1", port: port + 1 };
  await using _old = fakeServer(rundir, at, { version: "4.0.0", pid: 1 }, length);
  const { code, stdout, stderr } = await runBalance(["--list"], { rundir });
  assertEquals([code, stderr], [0, ""]);
  // deno-lint-ignore no-control-regex
  assert(!/[\x07\x1b]/.test(stdout), JSON.stringify(stdout));
});

t("a greeting without version or process ID is refused", async () => {
  using directory = runDirectory();
  const port = freePort(), rundir = directory.path;
  for (const hello of [{}, { version: "4.0.0", pid: "1" }, { pid: 1, protocol: 1 }]) {
    await using _server = fakeServer(rundir, { address: "0.0.0.0", port }, hello);
    const { stdout } = await runBalance(["--list"], { rundir });
    assertMatch(stdout, new RegExp(`\\n +- +0\\.0\\.0\\.0 +${port} +- +- +- +not answering`));
    const { code } = await runBalance(["-c", "show", "PORT"], { port, rundir });
    assertEquals(code, 69);
  }
});

t("an answer that is not of the protocol ends the client with 69", async () => {
  using directory = runDirectory();
  const port = freePort(), rundir = directory.path;
  const hello = { version: VERSION, pid: 1, protocol: 1 };
  // The rest of the answer is where the head of the next one should be.
  const answers = { show: "y\nnot JSON\n" };
  await using _server = fakeServer(rundir, { address: "0.0.0.0", port }, hello, answers, {
    countedBytes: 2,
  });
  const { code, stdout } = await runBalance(["-c", "show;show", "PORT"], { port, rundir });
  assertEquals([code, stdout], [69, "y\nconnection to master process lost, exiting.\n"]);
});

t("a server that never ends its greeting ends the client with 69", async () => {
  using directory = runDirectory();
  const port = freePort(), rundir = directory.path;
  using listener = Deno.listen({ transport: "unix", path: socketPath(rundir, port) });
  const endless = (async () => {
    using conn = await listener.accept();
    const bytes = new TextEncoder().encode("{".repeat(1 << 16));
    let sent = 0;
    while (sent < 1 << 28) sent += await conn.write(bytes).catch(() => Infinity);
    return sent;
  })();
  const { code } = await runBalance(["-c", "show", "PORT"], { port, rundir });
  assertEquals([code, await endless], [69, Infinity]);
});

/** What `-c version` prints against a server with this greeting. */
async function askFake(hello: FakeServer["hello"]): Promise<[code: number, stdout: string]> {
  using directory = runDirectory();
  const port = freePort(), rundir = directory.path;
  const answers = { version: "it is another release\n" };
  await using _server = fakeServer(rundir, { address: "0.0.0.0", port }, hello, answers);
  const { code, stdout } = await runBalance(["-c", "version", "PORT"], { port, rundir });
  return [code, stdout];
}

t("a balance of another release is controlled if its protocol is known", async () => {
  const served: [number, string] = [0, "it is another release\n"];
  assertEquals(await askFake({ version: "4.0.0", pid: 1 }), served);
  assertEquals(await askFake({ version: "9.1.0", pid: 1, protocol: 1, later: [{}] }), served);
  const mismatch = (found: string): [number, string] => [
    65,
    `release mismatch, expecting ${VERSION}, got ${found}, exiting.\n`,
  ];
  assertEquals(await askFake({ version: "9.1.0", pid: 1, protocol: 2 }), mismatch("9.1.0"));
  assertEquals(await askFake({ version: "3.57", pid: 1 }), mismatch("3.57"));
});

t("a balance that drains is controlled only if there is no other", async () => {
  using directory = runDirectory();
  const port = freePort(), rundir = directory.path;
  const hello = { version: VERSION, pid: 1, protocol: 1, stopping: true };
  await using server = fakeServer(rundir, { address: "0.0.0.0", port }, hello, { show: "yes\n" });
  const { code, stdout } = await runBalance(["-c", "show", "PORT"], { port, rundir });
  assertEquals([code, stdout], [0, "yes\n"]);
  assertEquals(server.asked, ["show"]);
});

t("a control socket that was removed is there again soon", async () => {
  using parent = runDirectory();
  const rundir = `${parent.path}/run`;
  await using balance = await startControlled(["-f", "PORT", "127.0.0.1:9"], {
    env: { BALANCE_RUNDIR: rundir },
    expectStderr: /the control socket was removed, created again as/,
  });
  const { port } = balance;
  await Deno.remove(rundir, { recursive: true });
  await until(async () => {
    const { code } = await runBalance(["-c", "rr", "PORT"], { port, rundir });
    return code === 0;
  }, { timeoutMs: 20_000 });
  await balance.stop();
  assertEquals([...Deno.readDirSync(rundir)], []);
});
