/** Without `-f` balance goes to the background. */

import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { designedControl } from "../../golden/control_deviations.ts";
import { assertRecorded, loadGolden, portMap } from "../../helpers/golden/golden.ts";
import { named } from "../../helpers/net/backends.ts";
import { ask, connect, readText } from "../../helpers/net/client.ts";
import { helloOf, talk } from "../../helpers/net/control_socket.ts";
import { freePort } from "../../helpers/net/ports.ts";
import { syslogReceiver } from "../../helpers/net/syslog_receiver.ts";
import { isAlive, jobOf } from "../../helpers/program/process.ts";
import { program } from "../../helpers/program/program.ts";
import { startBackground } from "../../helpers/program/start_background.ts";
import { runBalance } from "../../helpers/program/start_balance.ts";
import { t, until, within } from "../../helpers/t.ts";
import { namesIn, tempDir } from "../../helpers/temp_dir.ts";

interface CliRecord {
  name: string;
  argv: string[];
  stdout: string;
  stderr: string;
  exit_code: number;
  keeps_running: boolean;
}

const DEAD = "127.0.0.1:9";

const records = designedControl(
  "cli",
  loadGolden<CliRecord>("cli").filter(({ name }) => /background/.test(name)),
);

for (const record of records) {
  t(`the parent ends with the exit code of 3.35: ${record.name}`, async () => {
    using rundir = tempDir();
    const ports = portMap();
    using _taken = Deno.listen({ hostname: "127.0.0.1", port: ports.port(21777) });
    const argv = ports.argv(record.argv), port = ports.port(21001);
    if (record.keeps_running) {
      await using balance = await startBackground(argv, { rundir: rundir.path, port });
      const { code, stdout, stderr } = balance.parent;
      assertEquals([code, stdout, stderr], [record.exit_code, record.stdout, record.stderr]);
      return;
    }
    const ended = await runBalance(argv, { rundir: rundir.path, port });
    assertEquals([ended.code, ended.stdout], [record.exit_code, record.stdout]);
    assertRecorded(ended.stderr, record.stderr, { ports });
    assertEquals(namesIn(rundir.path), []);
  });
}

t(
  "errors at start: the parent prints the message, with the exit code of the foreground",
  async () => {
    using rundir = tempDir();
    const cases: [argv: string[], code: number, stderr: RegExp][] = [
      [["0", DEAD], 64, /^invalid port \[0\], exiting\.\n$/],
      [["PORT", "127.0.0.1:nosuch"], 64, /^invalid port \[nosuch\] in channel /],
      [
        ["PORT", ...Array(17).fill(DEAD)],
        64,
        /^MAXCHANNELS exceeded\.\.\., raise the limit of 16 with --max-channels\n$/,
      ],
      [["-p", "PORT", DEAD], 64, /^balance: -p needs -f/],
      [["-Z"], 64, /^balance: invalid option -- 'Z' .*\n$/],
      [["-b", "no..such", "PORT", DEAD], 65, /^unknown or invalid address \[no\.\.such\]\n$/],
      [["-B", "no..such", "PORT", DEAD], 65, /^unknown or invalid address \[no\.\.such\]\n$/],
      [["-B", "203.0.113.9", "PORT", DEAD], 69, /^balance: can't bind outgoing address /],
    ];
    for (const [argv, code, stderr] of cases) {
      const ended = await runBalance(argv, { rundir: rundir.path });
      assertEquals([ended.code, ended.stdout], [code, ""], argv.join(" "));
      assertMatch(ended.stderr, stderr);
      assertEquals(namesIn(rundir.path), [], argv.join(" "));
    }
  },
);

t("the parent reports an unusable run directory", async () => {
  using rundir = tempDir();
  Deno.chmodSync(rundir.path, 0o777);
  const { code, stderr } = await runBalance(["PORT", DEAD], { rundir: rundir.path });
  assertEquals(code, 73);
  assertMatch(stderr, /^balance: can't use run directory \[.*\]: others may write to it .*\n$/);
});

t("the background has its own session, no terminal, cwd / and the name balance", async () => {
  await using balance = await startBackground(["PORT", DEAD]);
  const { pid } = balance;
  assertEquals(jobOf(pid), { group: pid, session: pid, terminal: 0 });
  assertEquals(Deno.readLinkSync(`/proc/${pid}/cwd`), "/");
  assertEquals(Deno.readTextFileSync(`/proc/${pid}/comm`), "balance\n");
  assertEquals(namesIn(balance.rundir), [`balance.${balance.port}.0.0.0.0`]);
});

t("the background has /dev/null as descriptors 0 to 2, and inherits none", async () => {
  using rundir = tempDir();
  const secret = `${rundir.path}/secret`;
  Deno.writeTextFileSync(secret, "");
  Deno.mkdirSync(`${rundir.path}/run`, { mode: 0o700 });
  const port = freePort();
  const { command, args } = program({ cachedOnly: true });
  // Descriptors 7, 9 and 33 are open when the program starts, and so are odd 0 to 2.
  const script = 'exec 7<"$0" 8>&- 9>>"$0"; exec "$@" <"$0" >>"$0" 2>&1';
  const sh = new Deno.Command("/bin/sh", {
    args: ["-c", script, secret, command, ...args, String(port), DEAD],
    env: { BALANCE_RUNDIR: `${rundir.path}/run`, DENO_NO_UPDATE_CHECK: "1" },
    stdin: "null",
    stdout: "null",
    stderr: "null",
  });
  const { code } = await sh.output();
  assertEquals([code, Deno.readTextFileSync(secret)], [0, ""]);
  const { pid } = await helloOf(`${rundir.path}/run/balance.${port}.0.0.0.0`);
  // The control connection that was just closed may be among them, and close meanwhile.
  const fds = Object.fromEntries(
    namesIn(`/proc/${pid}/fd`).map((fd) => [fd, linkTarget(`/proc/${pid}/fd/${fd}`) ?? "gone"]),
  );
  Deno.kill(pid, "SIGTERM");
  await until(() => !isAlive(pid));
  assertEquals([fds[0], fds[1], fds[2]], ["/dev/null", "/dev/null", "/dev/null"]);
  assertEquals(Object.values(fds).filter((target) => target.includes("secret")), []);
});

t("relative paths are resolved in the directory of the start", async () => {
  using cwd = tempDir();
  const env = { BALANCE_RUNDIR: "run" };
  Deno.mkdirSync(`${cwd.path}/run`, { mode: 0o700 });
  const receiver = Deno.listenDatagram({ transport: "unixpacket", path: `${cwd.path}/log` });
  const port = freePort();
  const { code, stderr } = await runBalance(["-d", "PORT", DEAD], {
    cwd: cwd.path,
    env: { ...env, BALANCE_SYSLOG: "log" },
    port,
  });
  assertEquals([code, stderr], [0, ""]);
  const socket = `${cwd.path}/run/balance.${port}.0.0.0.0`;
  const { pid } = await helloOf(socket);
  const shown = await runBalance(["-c", "version", "PORT"], { cwd: cwd.path, env, port });
  assertEquals(shown.code, 0);
  assertMatch(await ask(port), /EOF|RST/);
  const received: string[] = [];
  while (!received.at(-1)?.includes("connect to group 0")) {
    const arrived = receiver.receive(new Uint8Array(4096));
    const [bytes] = await within(arrived, { timeoutMs: 5000, what: "a message" });
    received.push(new TextDecoder().decode(bytes));
  }
  receiver.close();
  Deno.kill(pid, "SIGTERM");
  await until(() => !isAlive(pid));
  assertEquals(namesIn(`${cwd.path}/run`), []);
});

t("files left by a killed balance with the same process id do not prevent a start", async () => {
  using rundir = tempDir();
  const { command, args } = program({ cachedOnly: true });
  const port = freePort();
  // The shell becomes the program, so the files have its process id, as with pid 1 in a container.
  const script = `for f in start syslog notify; do : > "$0/.$f.$$"; done; exec "$@"`;
  const { code } = await new Deno.Command("/bin/sh", {
    args: ["-c", script, rundir.path, command, ...args, String(port), DEAD],
    env: { BALANCE_RUNDIR: rundir.path, DENO_NO_UPDATE_CHECK: "1" },
    stdin: "null",
    stdout: "null",
    stderr: "inherit",
  }).output();
  assertEquals(code, 0);
  const { pid } = await helloOf(`${rundir.path}/balance.${port}.0.0.0.0`);
  Deno.kill(pid, "SIGKILL");
  await until(() => !isAlive(pid));
  // Only its control socket and the files of the test remain, none with its process id.
  assertEquals(namesIn(rundir.path).filter((name) => name.includes(String(pid))), []);
});

t("SIGHUP does not end the background", async () => {
  await using server = named("B0");
  await using balance = await startBackground(["PORT", server.address]);
  balance.kill("SIGHUP");
  balance.kill("SIGHUP");
  assertMatch(await talk(balance.socket, "rr\n"), /^group 0 set to round robin/);
  assertEquals(await ask(balance.port), "B0");
  balance.kill("SIGTERM");
  await balance.gone();
  assertEquals(namesIn(balance.rundir), []);
});

t("after kill another balance can start while a connection of the first one is open", async () => {
  await using server = named("B0");
  await using first = await startBackground(["PORT", server.address]);
  const { port, rundir } = first;
  await using client = await connect(port);
  assertEquals(await readText(client, 3), "B0\n");
  const killed = await runBalance(["-c", "kill", "PORT"], { port, rundir });
  const answer = "shutdown started, 1 connection left, exiting when they end.\n";
  assertEquals([killed.code, killed.stdout], [0, answer]);
  await using second = await startBackground(["PORT", server.address], { port, rundir });
  assert(first.pid !== second.pid);
  // The end of the first must not remove the control socket of the second.
  await client.send("still");
  assertEquals(await readText(client, 5), "still");
  await client.close();
  await first.gone();
  assertMatch(await talk(second.socket, "version\n"), /This is balance/);
  assertEquals(await ask(port), "B0");
});

t("the background logs to the system log why it cannot start", async () => {
  await using log = syslogReceiver();
  const { code, stderr } = await runBalance(["PORT", "no..such:80"], {
    env: { BALANCE_SYSLOG: log.path },
  });
  assertEquals([code, stderr], [65, "unknown or invalid address [no..such]\n"]);
  const [message] = await log.waitFor(1);
  assertMatch(message ?? "", / balance\[\d+\]: unknown or invalid address \[no\.\.such\]$/);
});

t("a system log that reads nothing does not hold up the end", async () => {
  using rundir = tempDir();
  // It is never read, so that the sender has to wait after about ten messages.
  const path = `${rundir.path}/log`;
  const receiver = Deno.listenDatagram({ transport: "unixpacket", path });
  await using balance = await startBackground(["-d", "PORT", DEAD], {
    env: { BALANCE_SYSLOG: path },
  });
  for (let i = 0; i < 30; i++) await ask(balance.port);
  assertMatch(await talk(balance.socket, "version\n"), /This is balance/);
  const started = performance.now();
  balance.kill("SIGTERM");
  await balance.gone();
  assert(performance.now() - started < 4000);
  receiver.close();
});

t("the parent fails with a reason if it cannot communicate with the background", async () => {
  using rundir = tempDir();
  const path = `${rundir.path}/${"x".repeat(100)}`;
  const { code, stderr } = await runBalance(["PORT", DEAD], { rundir: path });
  assertEquals(code, 69);
  assertMatch(stderr, /^balance: can't go to the background: .*SUN_LEN\n$/);
  await assertRejects(() => connect(freePort()), Deno.errors.ConnectionRefused);
});

function linkTarget(path: string): string | undefined {
  try {
    return Deno.readLinkSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
