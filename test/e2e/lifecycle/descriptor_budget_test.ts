/** File descriptors: those set aside for everything besides connections, and none left at all. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { echo } from "../../helpers/net/backends.ts";
import { type Client, connect, readText } from "../../helpers/net/client.ts";
import { connectUnix, controlSession, talk } from "../../helpers/net/control_socket.ts";
import { freePort } from "../../helpers/net/ports.ts";
import { cpuSeconds } from "../../helpers/program/process.ts";
import { type Controlled, startControlled } from "../../helpers/program/start_controlled.ts";
import { later, sleep, t, tool, until, withTools } from "../../helpers/t.ts";
import { namesIn, tempDir } from "../../helpers/temp_dir.ts";

const LIMIT = 256;
const FULL = "cannot accept more connections: file descriptor limit reached";
const NONE = "cannot accept connections: Too many open files";

/** Sends a text and reads it back. */
async function exchange(client: Client, text: string): Promise<void> {
  await client.send(text);
  assertEquals(await readText(client, text.length, { timeoutMs: 60_000 }), text);
}

/** Connects and exchanges a word. Waits as long as balance accepts no more connections. */
async function ping(port: number, held?: Promise<unknown>): Promise<void> {
  await using client = await connect(port);
  await exchange(client, "ping");
  await held;
}

/** Connects to a socket; its backlog may be full. */
async function connectSoon(open: () => Promise<Deno.Conn>): Promise<Deno.Conn> {
  return await until(() => open().catch(() => undefined), { timeoutMs: 30_000 });
}

/** Sets the soft limit of descriptors of a running program. */
async function setLimit(pid: number, limit: number): Promise<void> {
  const args = ["--pid", `${pid}`, `--nofile=${limit}:`];
  const { success } = await new Deno.Command(tool("prlimit")!, { args }).output();
  assert(success);
}

for (const workers of [1, 4]) {
  const argv = (...more: string[]) => ["-f", "--workers", `${workers}`, "PORT", ...more];
  const title = (name: string) => `${name} (${workers} worker${workers === 1 ? "" : "s"})`;

  t(
    title(
      "hundreds of idle control and metrics clients do not take the descriptors of connections",
    ),
    async () => {
      using dir = tempDir();
      const metrics = freePort();
      await using server = echo();
      await using balance = await startControlled(
        argv(
          server.address,
          ...["--log", `${dir.path}/log`, "--dump-file", `${dir.path}/dump.json`],
          ...["--metrics", `127.0.0.1:${metrics}`],
        ),
        { before: `ulimit -n ${LIMIT}`, expectStderr: new RegExp(`^${FULL}\n$`) },
      );
      using idle = new DisposableStack();
      for (let i = 0; i < 100; i++) {
        idle.use(await connectSoon(() => Deno.connect({ hostname: "127.0.0.1", port: metrics })));
      }
      for (let i = 0; i < 999; i++) idle.use(await connectSoon(() => connectUnix(balance.socket)));
      const full = later(balance.waitForStderr(new RegExp(FULL), 30_000));
      await Promise.all(Array.from({ length: 150 }, () => ping(balance.port, full)));
      assert(balance.fds() < LIMIT, `${balance.fds()} descriptors`);
      assertMatch(
        await talk(balance.socket, "dump\n"),
        /^dump on: json .*\n.*\n.*\n {2}dropped 0\n$/,
      );
      await until(() => lines(`${dir.path}/log`) === 150, {
        what: () => `150 lines, but ${lines(`${dir.path}/log`)}`,
      });
      await until(() => count(dir.path, '"type":"close"') === 150, {
        what: () => `150 connections, but ${count(dir.path, '"type":"close"')}`,
      });
    },
  );

  withTools(
    ["prlimit"],
    title("balance waits without descriptors and resumes when some are free"),
    async () => {
      using dir = tempDir();
      const log = `${dir.path}/log`;
      const metrics = freePort();
      await using server = echo();
      await using balance = await startControlled(
        argv(
          server.address,
          ...["--log", log, "--dump-file", `${dir.path}/dump.json`, "--dump-rotate", "10k,100"],
          ...["--metrics", `127.0.0.1:${metrics}`],
        ),
        { expectStderr: "any" },
      );
      await ping(balance.port);
      await using open = await connect(balance.port);
      await exchange(open, "first");
      using session = await controlSession(balance.socket);
      // All lower ones are in use.
      await setLimit(balance.pid, 8);
      const pings = later(Promise.all(Array.from({ length: 40 }, () => ping(balance.port))));
      const control = later(Promise.all(
        Array.from({ length: 5 }, () => talk(balance.socket, "version\n")),
      ));
      const page = later(fetch(`http://127.0.0.1:${metrics}/metrics`).then((got) => got.text()));
      await balance.waitForStderr(new RegExp(`^${NONE}$`, "m"), 20_000);
      // An open session is still answered.
      assertMatch((await session.ask("version")).text, /This is balance/);
      Deno.renameSync(log, `${log}.old`);
      balance.kill("SIGHUP");
      await balance.waitForStderr(/^cannot reopen log file .*, keeping the old one: .*$/m);
      // The dump does not end because the next file cannot be created.
      const data = "x".repeat(5000);
      for (let i = 0; i < 20; i++) await exchange(open, data);
      const cpu = cpuSeconds(balance.pid), start = performance.now();
      await sleep(1000);
      const share = (cpuSeconds(balance.pid) - cpu) / (performance.now() - start) * 1000;
      assert(share < 0.4, `it used ${share} of a core while it waited`);

      await setLimit(balance.pid, 4096);
      await pings;
      for (const answer of await control) assertMatch(answer, /This is balance/);
      assertMatch(await page, /^balance_healthy 1$/m);
      await until(() => lines(`${log}.old`) === 41, {
        what: () => `41 lines, but ${lines(`${log}.old`)}`,
      });
      balance.kill("SIGHUP");
      await until(() => lines(log) !== undefined);
      await ping(balance.port);
      await until(() => lines(log) === 1);
      for (let i = 0; i < 20; i++) await exchange(open, data);
      await open.close();
      await until(() => count(dir.path, '"type":"close"') === 43, {
        what: () => `43 connections, but ${count(dir.path, '"type":"close"')}`,
      });
      await until(() => count(dir.path, data) === 80, { what: "80 chunks" });
      assert(dumpFiles(dir.path).length > 3, `${dumpFiles(dir.path)}`);
      assertEquals(notices(balance, "cannot accept connections"), 1, balance.stderr);
      assertMatch((await session.ask("dump")).text, /^dump on: json .*\n.*\n.*\n {2}dropped 0\n$/);
      const { code } = await balance.stop();
      assertEquals(code, 0);
    },
  );
}

/** How often a line with this beginning is on standard error. */
function notices({ stderr }: Controlled, start: string): number {
  return stderr.split("\n").filter((line) => line.startsWith(start)).length;
}

/** Number of lines of a file; `undefined` if it does not exist. */
function lines(path: string): number | undefined {
  try {
    return Deno.readTextFileSync(path).split("\n").length - 1;
  } catch {
    return undefined;
  }
}

/** The files of a dump. */
function dumpFiles(folder: string): string[] {
  return namesIn(folder).filter((name) => name.startsWith("dump.json"));
}

/** How often a text occurs in a dump; -1 if its files are being renamed. */
function count(folder: string, text: string): number {
  try {
    const texts = dumpFiles(folder).map((name) => Deno.readTextFileSync(`${folder}/${name}`));
    return texts.join("").split(text).length - 1;
  } catch {
    return -1;
  }
}
