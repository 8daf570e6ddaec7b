/** The attacks of SECURITY.md, carried out by another user of the same machine. */
import { assert, assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import {
  AS_NOBODY,
  cacheForNobody,
  NOBODY,
  runWith,
  startWith,
  withNobody,
} from "../../faults/helpers/start_with.ts";
import { helloOf, socketPath } from "../../helpers/net/control_socket.ts";
import { freePort } from "../../helpers/net/ports.ts";
import { runProgram } from "../../helpers/program/start_program.ts";
import { tool, until } from "../../helpers/t.ts";
import { exists, tempDir } from "../../helpers/temp_dir.ts";

const setpriv = tool("setpriv");
/** Arguments of setpriv: a user without any privilege. */
const ATTACKER = [`--reuid=${NOBODY}`, `--regid=${NOBODY}`, "--clear-groups", "--no-new-privs"];

/** Runs a shell command as the other user. */
async function asAttacker(
  line: string,
  ...args: string[]
): Promise<{ code: number; stderr: string }> {
  return await runProgram(setpriv!, [...ATTACKER, "/bin/sh", "-c", line, "sh", ...args]);
}

/** Removes a directory, in which a last command of the attacker may still create a file. */
function removeAll(path: string): void {
  for (let attempt = 0;; attempt++) {
    try {
      return Deno.removeSync(path, { recursive: true });
    } catch (error) {
      if (attempt === 100) throw error;
    }
  }
}

/** A directory that is writable for everyone and sticky, like /tmp. */
function sharedDirectory(): { path: string } & Disposable {
  const path = Deno.makeTempDirSync({ prefix: "balance-test-" });
  Deno.chmodSync(path, 0o1777);
  return { path, [Symbol.dispose]: () => removeAll(path) };
}

/** A file of root that must not be changed by an attack. */
function victimFile(directory: string): { path: string; assertUntouched: () => void } {
  const path = `${directory}/victim`;
  Deno.writeTextFileSync(path, "content", { mode: 0o644 });
  const before = Deno.statSync(path);
  return {
    path,
    assertUntouched() {
      const now = Deno.statSync(path);
      assertEquals(Deno.readTextFileSync(path), "content");
      assertEquals([now.mode, now.uid, now.ino], [before.mode, before.uid, before.ino]);
    },
  };
}

for (
  const [what, command] of [
    ["a symbolic link to a file of root", 'ln -s "$2" "$1"'],
    ["a symbolic link to nowhere", 'ln -s "$2.new" "$1"'],
    ["a file", 'echo planted > "$1"'],
    ["a named pipe", 'mkfifo "$1"'],
    ["a directory", 'mkdir "$1"'],
  ] as const
) {
  withNobody(
    `${what} at the path of the control socket: balance does not start and changes nothing`,
    async () => {
      using shared = sharedDirectory();
      const port = freePort(), target = victimFile(shared.path);
      const path = socketPath(shared.path, port);
      assertEquals((await asAttacker(command, path, target.path)).code, 0);
      const planted = Deno.lstatSync(path);
      const end = await runWith(["-f", String(port), "127.0.0.1:1"], { rundir: shared.path });
      assertEquals(end.code, 73, end.stderr);
      assertMatch(end.stderr, /^balance: can't create .*\n$/);
      target.assertUntouched();
      assertEquals([...Deno.readDirSync(shared.path)].length, 2);
      assertEquals(Deno.lstatSync(path).ino, planted.ino);
    },
  );
}

withNobody(
  "a run directory created by another user is rejected, and nothing is created in it",
  async () => {
    using shared = sharedDirectory();
    const path = `${shared.path}/balance-0`;
    assertEquals((await asAttacker('mkdir -m 777 "$1"', path)).code, 0);
    const argv = ["-f", String(freePort()), "127.0.0.1:1"];
    const end = await runWith(argv, { rundir: path });
    assertEquals([end.code, [...Deno.readDirSync(path)].length], [73, 0]);
    assertMatch(end.stderr, /it belongs to user 65534\n$/);

    // So is a directory of root that others may write to and that is not sticky.
    const open = `${shared.path}/open`;
    Deno.mkdirSync(open);
    Deno.chmodSync(open, 0o777);
    const other = await runWith(argv, { rundir: open });
    assertEquals([other.code, [...Deno.readDirSync(open)].length], [73, 0]);
    assertMatch(other.stderr, /others may write to it and it is not sticky\n$/);
  },
);

withNobody(
  "a listening socket of another user is not replaced, and balance does not start",
  async () => {
    using shared = sharedDirectory();
    const port = freePort(), path = socketPath(shared.path, port);
    const spoof = Deno.listen({ transport: "unix", path });
    try {
      await Deno.chown(path, NOBODY, NOBODY);
      await Deno.chmod(path, 0o777);
      const end = await runWith(["-f", String(port), "127.0.0.1:1"], { rundir: shared.path });
      assertEquals(end.code, 73, end.stderr);
      assertEquals(Deno.lstatSync(path).uid, NOBODY);
    } finally {
      spoof.close();
    }
  },
);

withNobody("a client sends nothing to a control socket of another user", async () => {
  using shared = sharedDirectory();
  await using cache = await cacheForNobody();
  const port = freePort(), path = socketPath(shared.path, port);
  const spoof = Deno.listen({ transport: "unix", path });
  let asked = 0;
  const accepting = (async () => {
    for (;; asked++) (await spoof.accept()).close();
  })().catch(() => {});
  try {
    await Deno.chown(path, 12345, 12345);
    await Deno.chmod(path, 0o777);
    const end = await runWith(["-c", "show", String(port)], {
      rundir: shared.path,
      prefix: AS_NOBODY,
      env: cache.env,
    });
    assertEquals(end.code, 77, end.stderr);
    assertMatch(end.stdout + end.stderr, /it belongs to user 12345/);
    assertEquals(asked, 0);
  } finally {
    spoof.close();
    await accepting;
  }
});

withNobody(
  "links that are created and removed during the start: the socket belongs to root, or none",
  async () => {
    using shared = sharedDirectory();
    const port = freePort(), path = socketPath(shared.path, port), target = victimFile(shared.path);
    const racer = new Deno.Command(setpriv!, {
      args: [
        ...ATTACKER,
        "/bin/sh",
        "-c",
        'while :; do ln -s "$2.new" "$1"; rm -f "$1"; ln -s "$2" "$1"; rm -f "$1"; done',
        "sh",
        path,
        target.path,
      ],
      stdout: "null",
      stderr: "null",
    }).spawn();
    let served = 0, refused = 0;
    try {
      for (let round = 0; round < 12; round++) {
        await using balance = startWith(["-f", String(port), "127.0.0.1:1"], {
          rundir: shared.path,
        });
        let code: number | undefined;
        balance.ended.then((end) => code = end.code);
        await until(async () => code !== undefined || await serves(path, balance.pid), {
          timeoutMs: 10_000,
          what: () => `a start or an error; ${balance.stderr}`,
        });
        if (code === undefined) {
          const info = Deno.lstatSync(path);
          assertEquals([info.uid, (info.mode ?? 0) & 0o777, info.isSocket], [0, 0o600, true]);
          served++;
        } else {
          assertEquals(code, 73, balance.stderr);
          refused++;
        }
      }
    } finally {
      racer.kill("SIGKILL");
      await racer.status;
    }
    target.assertUntouched();
    assertEquals(
      [...Deno.readDirSync(shared.path)].some((one) => one.name.endsWith(".new")),
      false,
    );
    console.log(`figure: links during the start: served ${served} times, refused ${refused} times`);
  },
);

async function serves(path: string, pid: number): Promise<boolean> {
  try {
    return Deno.lstatSync(path).isSocket === true && (await helloOf(path)).pid === pid;
  } catch {
    return false;
  }
}

withNobody(
  "another user can neither use, remove nor replace the control socket of a running balance",
  async () => {
    using shared = sharedDirectory();
    await using cache = await cacheForNobody();
    const port = freePort(), path = socketPath(shared.path, port);
    await using balance = startWith(["-f", String(port), "127.0.0.1:1"], { rundir: shared.path });
    await until(() => serves(path, balance.pid), { what: "the control socket" });
    for (
      const line of ['rm -f "$1"', 'mv "$1" "$1.x"', 'ln -sf /etc/passwd "$1"', 'chmod 777 "$1"']
    ) {
      assertNotEquals((await asAttacker(line, path)).code, 0, line);
    }
    const client = { rundir: shared.path, prefix: AS_NOBODY, env: cache.env };
    const end = await runWith(["-c", "kill", String(port)], client);
    assertEquals(end.code, 77, end.stdout);
    assertMatch(end.stdout + end.stderr, /can't control .*Permission denied/);
    assert(await serves(path, balance.pid));
  },
);

withNobody("only the owner can read log and dump, even with umask 0", async () => {
  using dir = tempDir();
  Deno.chmodSync(dir.path, 0o777);
  const port = freePort();
  const log = `${dir.path}/log`, dump = `${dir.path}/dump`;
  const argv = ["-f", "--log", log, "--dump-file", dump, String(port), "127.0.0.1:1"];
  await using balance = startWith(argv, {
    prefix: ["/bin/sh", "-c", 'umask 0; exec "$@"', "sh"],
  });
  await balance.listening(port);
  (await Deno.connect({ port })).close();
  for (const file of [log, dump]) {
    await until(() => exists(file), { what: file });
    assertEquals((Deno.statSync(file).mode ?? 0) & 0o777, 0o600, file);
    assertNotEquals((await asAttacker('cat "$1"', file)).code, 0, file);
  }
});
