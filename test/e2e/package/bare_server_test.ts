/** The compiled executable on a server without anything but the C library. */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { named, refusing } from "../../helpers/net/backends.ts";
import { connect, distribution, readLine, refused } from "../../helpers/net/client.ts";
import { freePort } from "../../helpers/net/ports.ts";
import { listensOn } from "../../helpers/net/tcp_sockets.ts";
import { type BareRoot, bareRoot, bareRootObstacle } from "../../helpers/program/bare_root.ts";
import { collect } from "../../helpers/program/output.ts";
import { isAlive } from "../../helpers/program/process.ts";
import { config, program } from "../../helpers/program/program.ts";
import { skip, t, until, within } from "../../helpers/t.ts";

const NOBODY = 65534;

/** Why this cannot be tested here. */
function obstacle(): string | undefined {
  const { command, args } = program();
  if (args.length > 0 || !isElf(command)) return "BALANCE_BIN names no compiled executable";
  return bareRootObstacle();
}

function isElf(path: string): boolean {
  using file = Deno.openSync(path);
  const head = new Uint8Array(4);
  file.readSync(head);
  return String.fromCharCode(...head) === "\x7fELF";
}

interface Ended {
  code: number;
  stdout: string;
  stderr: string;
}

/** Runs the program inside until it ends. */
async function run(
  root: BareRoot,
  args: readonly string[],
  { user, stdin = "" }: { user: number; stdin?: string },
): Promise<Ended> {
  const child = root.command(args, user).spawn();
  const input = child.stdin.getWriter();
  const fed = input.write(new TextEncoder().encode(stdin)).then(() => input.close())
    .catch(() => {});
  const { code, stdout, stderr } = await within(child.output(), {
    timeoutMs: 20_000,
    what: `balance ${args.join(" ")} to end`,
    onTimeout: () => child.kill("SIGKILL"),
  });
  await fed;
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, stdout: text(stdout), stderr: text(stderr) };
}

async function inForeground(root: BareRoot, user: number): Promise<void> {
  await using b0 = named("B0");
  const port = freePort();
  // The service name `gopher` is only known to the program itself.
  const argv = ["-f", "-p", "-b", "127.0.0.1", String(port), b0.address, "127.0.0.1:gopher"];
  const child = root.command(argv, user).spawn();
  let running = true;
  const ended = child.status.finally(() => running = false);
  const [stdout, stderr] = [collect(child.stdout), collect(child.stderr)];
  await child.stdin.close();
  try {
    await until(() => !running || listensOn(port, child.pid), { timeoutMs: 20_000 });
    assert(running, stderr.text());
    const control = async (command: string) => {
      const argv = ["-b", "127.0.0.1", "-c", command, String(port)];
      // The control socket is opened last, after the listener.
      return await until(async () => {
        const { code, stdout, stderr } = await run(root, argv, { user });
        return code === 0 ? { stdout, stderr } : undefined;
      });
    };
    assertEquals(await control("disable 1"), { stdout: "channel 1 disabled\n", stderr: "" });
    {
      await using client = await connect(port);
      assertEquals(await readLine(client), "B0");
      await client.send("ping\n");
      assertEquals(await readLine(client), "ping");
    }
    await until(() => stdout.text().includes("-> 0"));
    assertStringIncludes(
      stdout.text(),
      "-< 3\nB0\\0A\n\n-> 5\nping\\0A\n\n-< 5\nping\\0A\n\n-> 0\n",
    );
    const shown = (await control("show")).stdout.split("\n");
    assertMatch(shown[1] ?? "", /^ {2}0 {3}RR {2}0 ENA .* 5 +8$/);
    assertMatch(shown[2] ?? "", /^ {2}0 {3}RR {2}1 dis +127\.0\.0\.1 +70 /);
  } finally {
    if (running) child.kill("SIGTERM");
    await within(ended, {
      timeoutMs: 10_000,
      what: "balance to end",
      onTimeout: () => child.kill("SIGKILL"),
    });
    await Promise.all([stdout.ended, stderr.ended]);
  }
  assertEquals([(await ended).code, stderr.text()], [0, ""]);
}

async function inBackground(root: BareRoot, user: number): Promise<void> {
  await using b0 = named("B0");
  await using dead = refusing();
  const port = freePort();
  const at = ["-b", "127.0.0.1", String(port)];
  using log = openLog(`${root.path}/dev/log`);
  const started = await run(root, ["-a", "--workers", "2", ...at, b0.address, dead.address], {
    user,
  });
  assertEquals(started, { code: 0, stdout: "", stderr: "" });
  let pid: number | undefined;
  try {
    const shell = await run(root, ["-i", ...at], { user, stdin: "version\nquit\n" });
    assertEquals([shell.code, shell.stderr], [0, ""]);
    pid = Number(/^PID of master process is (\d+)$/m.exec(shell.stdout)?.[1]);
    assertStringIncludes(shell.stdout, `balance[0]   This is balance ${config().version}\n`);
    // In the background it has the name `balance`, and runs as the user who started it.
    const status = Deno.readTextFileSync(`/proc/${pid}/status`);
    assertMatch(status, /^Name:\tbalance$/m);
    assertMatch(status, new RegExp(`^Uid:\t${user}\t${user}\t`, "m"));

    assertEquals(await distribution(port, 4), "B0: 4");
    assertMatch(
      await log.next(),
      new RegExp(
        `^<29>\\w{3} [ \\d]\\d [\\d:]{8} balance\\[${pid}\\]: connection failed group 0 channel 1$`,
      ),
    );
    const killed = await run(root, ["-c", "kill", ...at], { user });
    assertEquals(killed, { code: 0, stdout: "shutdown complete, exiting.\n", stderr: "" });
    await refused(port);
    await until(() => !isAlive(pid!), { what: "the background process to end" });
    pid = undefined;
  } finally {
    if (pid !== undefined) Deno.kill(pid, "SIGKILL");
  }
  const after = await run(root, ["-c", "show", ...at], { user });
  assertEquals([after.code, after.stdout], [69, "no master process, exiting.\n"]);
}

/** A socket in place of that of the system log. */
function openLog(path: string): Disposable & { next(): Promise<string> } {
  const socket = Deno.listenDatagram({ transport: "unixpacket", path });
  Deno.chmodSync(path, 0o666);
  let open = true;
  function close(): void {
    if (!open) return;
    open = false;
    socket.close();
    Deno.removeSync(path);
  }
  return {
    async next() {
      const [message] = await within(socket.receive(new Uint8Array(1000)), {
        timeoutMs: 5000,
        what: "a message to the log",
        onTimeout: close,
      });
      return new TextDecoder().decode(message);
    },
    [Symbol.dispose]: close,
  };
}

const NAME = "the executable works on a server with nothing but the C library";
const reason = obstacle();
if (reason !== undefined) skip(NAME, reason);
else {
  t(NAME, async (context) => {
    await using root = await bareRoot(program().command);
    await context.step(`the server has nothing but ${root.origin}`, () => {
      const names = (folder: string) =>
        [...Deno.readDirSync(root.path + folder)].map((e) => e.name);
      assertEquals(names("/dev"), ["null"]);
      assertEquals(names("/").filter((name) => /^(bin|sbin|root|home)$/.test(name)), []);
      assertEquals(names("/usr").filter((name) => name.endsWith("bin")), []);
      const etc = names("/").includes("etc") ? names("/etc") : [];
      assertEquals(etc.filter((name) => !name.startsWith("ld.so")), []);
    });
    for (const user of [0, NOBODY]) {
      await context.step(`as user ${user}: --version`, async () => {
        const { version } = config();
        assertEquals(await run(root, ["--version"], { user }), {
          code: 0,
          stdout: `balance ${version}\n`,
          stderr: "",
        });
      });
      await context.step(
        `as user ${user}: it serves, obeys commands and prints a dump`,
        () => inForeground(root, user),
      );
      await context.step(
        `as user ${user}: in the background with workers it logs, and ends with kill`,
        () => inBackground(root, user),
      );
    }
    await context.step(
      "a host that cannot be resolved is an error at once",
      async () => {
        const argv = ["-f", String(freePort()), "no.such.host.invalid"];
        assertEquals(await run(root, argv, { user: NOBODY }), {
          code: 65,
          stdout: "",
          stderr: "unknown or invalid address [no.such.host.invalid]\n",
        });
      },
    );
    await context.step("its run directories are empty at the end", () => {
      const left = ["/var/run/balance", `/tmp/balance-${NOBODY}`]
        .flatMap((folder) => [...Deno.readDirSync(root.path + folder)].map((e) => e.name));
      assertEquals(left, []);
    });
  });
}
