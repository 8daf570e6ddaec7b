/** SECURITY.md, tried: what another user of the same machine can do, as that user. */
import { assert, assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import {
  AS_NOBODY,
  cacheForNobody,
  canBeNobody,
  runWith,
  startWith,
} from "../../faults/helpers/start_with.ts";
import { helloOf, socketPath } from "../../helpers/net/control_socket.ts";
import { freePort } from "../../helpers/net/ports.ts";
import { config, sourceFlags } from "../../helpers/program/program.ts";
import { runProgram } from "../../helpers/program/start_program.ts";
import { skip, t, tool, until } from "../../helpers/t.ts";

const ROOT = new URL("../../../", import.meta.url).pathname;
const NOBODY = 65534;
const setpriv = tool("setpriv");
/** Somebody without any privilege. */
const ATTACKER = [`--reuid=${NOBODY}`, `--regid=${NOBODY}`, "--clear-groups", "--no-new-privs"];

/** Registers a test in which root is attacked by another user. */
function attack(name: string, fn: () => Promise<void>): void {
  if (canBeNobody) t(name, fn);
  else skip(name, "needs root, and setpriv to be another user");
}

/** Runs a line of shell as the other user. */
async function asAttacker(
  line: string,
  ...args: string[]
): Promise<{ code: number; stderr: string }> {
  return await runProgram(setpriv!, [...ATTACKER, "/bin/sh", "-c", line, "sh", ...args]);
}

/** Removes a folder; a command of the attacker may be about to put one last file there. */
function removeAll(path: string): void {
  for (let attempt = 0;; attempt++) {
    try {
      return Deno.removeSync(path, { recursive: true });
    } catch (error) {
      if (attempt === 100) throw error;
    }
  }
}

/** A directory that everybody may write to, as /tmp is. */
function sharedDirectory(): { path: string } & Disposable {
  const path = Deno.makeTempDirSync({ prefix: "balance-test-" });
  Deno.chmodSync(path, 0o1777);
  return { path, [Symbol.dispose]: () => removeAll(path) };
}

/** A file of ours that an attack is after. */
function precious(directory: string): { path: string; assertUntouched: () => void } {
  const path = `${directory}/precious`;
  Deno.writeTextFileSync(path, "precious", { mode: 0o644 });
  const before = Deno.statSync(path);
  return {
    path,
    assertUntouched() {
      const now = Deno.statSync(path);
      assertEquals(Deno.readTextFileSync(path), "precious");
      assertEquals([now.mode, now.uid, now.ino], [before.mode, before.uid, before.ino]);
    },
  };
}

for (
  const [what, command] of [
    ["a symbolic link to a file of ours", 'ln -s "$2" "$1"'],
    ["a symbolic link to nowhere", 'ln -s "$2.new" "$1"'],
    ["a file", 'echo planted > "$1"'],
    ["a named pipe", 'mkfifo "$1"'],
    ["a directory", 'mkdir "$1"'],
  ] as const
) {
  attack(
    `${what} in the place of the socket: the start is refused, nothing is touched`,
    async () => {
      using shared = sharedDirectory();
      const port = freePort(), target = precious(shared.path);
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

attack("a directory that was there before: refused, and nothing is made in it", async () => {
  using shared = sharedDirectory();
  const path = `${shared.path}/balance-0`;
  assertEquals((await asAttacker('mkdir -m 777 "$1"', path)).code, 0);
  const argv = ["-f", String(freePort()), "127.0.0.1:1"];
  const end = await runWith(argv, { rundir: path });
  assertEquals([end.code, [...Deno.readDirSync(path)].length], [73, 0]);
  assertMatch(end.stderr, /it belongs to user 65534\n$/);

  // One of ours that others may write to, and that is not sticky, is no better.
  const open = `${shared.path}/open`;
  Deno.mkdirSync(open);
  Deno.chmodSync(open, 0o777);
  const other = await runWith(argv, { rundir: open });
  assertEquals([other.code, [...Deno.readDirSync(open)].length], [73, 0]);
  assertMatch(other.stderr, /others may write to it and it is not sticky\n$/);
});

attack("a socket of theirs that answers: not taken over, the start is refused", async () => {
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
});

attack("a spoofed socket in a sticky directory: a client does not talk to it", async () => {
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

attack("racing the bind: links come and go, the socket is ours or there is none", async () => {
  using shared = sharedDirectory();
  const port = freePort(), path = socketPath(shared.path, port), target = precious(shared.path);
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
      await using balance = startWith(["-f", String(port), "127.0.0.1:1"], { rundir: shared.path });
      let code: number | undefined;
      balance.ended.then((end) => code = end.code);
      await until(async () => code !== undefined || await serves(path, balance.pid), {
        timeoutMs: 10_000,
        what: () => `a start or a refusal; ${balance.stderr}`,
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
  assertEquals([...Deno.readDirSync(shared.path)].some((one) => one.name.endsWith(".new")), false);
  console.log(`figure: racing the bind: served ${served} times, refused ${refused} times`);
});

async function serves(path: string, pid: number): Promise<boolean> {
  try {
    return Deno.lstatSync(path).isSocket === true && (await helloOf(path)).pid === pid;
  } catch {
    return false;
  }
}

attack(
  "another user can neither use, remove, nor replace the socket of a running one",
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

attack("log and dump are for their owner alone, whatever the umask", async () => {
  const folder = await Deno.makeTempDir({ prefix: "balance-test-" });
  try {
    await Deno.chmod(folder, 0o777);
    const port = freePort();
    const files = [`${folder}/log`, ...(hasDumpFile() ? [`${folder}/dump`] : [])];
    const argv = ["-f", "--log", files[0]!, ...(files[1] ? ["--dump-file", files[1]] : [])];
    await using balance = startWith([...argv, String(port), "127.0.0.1:1"], {
      prefix: ["/bin/sh", "-c", 'umask 0; exec "$@"', "sh"],
    });
    await balance.listening(port);
    (await Deno.connect({ port })).close();
    for (const file of files) {
      await until(() => exists(file), { what: file });
      assertEquals((Deno.statSync(file).mode ?? 0) & 0o777, 0o600, file);
      assertNotEquals((await asAttacker('cat "$1"', file)).code, 0, file);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

function hasDumpFile(): boolean {
  return Deno.readTextFileSync(`${ROOT}lib/cli/option_table.ts`).includes("dump-file");
}

function exists(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch {
    return false;
  }
}

t(
  "the C library is given up before anything is read, for this isolate and its workers",
  async () => {
    const main = Deno.readTextFileSync(`${ROOT}main.ts`);
    assertMatch(main, /if \(import\.meta\.main\) \{\n {2}prepareProcess\(/);
    const folder = await Deno.makeTempDir({ prefix: "balance-test-" });
    try {
      const probe = `${folder}/probe.ts`;
      await Deno.writeTextFile(
        probe,
        `import { cLibraries, prepareProcess } from "${ROOT}lib/system/native.ts";
       const state = () => cLibraries().map((path) => {
         try {
           Deno.dlopen(path, {}).close();
           return "opened";
         } catch (error) {
           return error instanceof Deno.errors.NotCapable ? "refused" : "not there";
         }
       });
       const inWorker = self.document === undefined && typeof self.postMessage === "function" &&
         self.name === "probe";
       if (inWorker) self.postMessage(state());
       else {
         const before = state();
         prepareProcess("probe");
         const worker = new Worker(import.meta.url, { type: "module", name: "probe" });
         worker.onmessage = ({ data }) => {
           console.log(JSON.stringify({ before, after: state(), worker: data }));
           Deno.exit(0);
         };
       }`,
      );
      const args = sourceFlags({ cachedOnly: true });
      const found = await runProgram(Deno.execPath(), [...args, "--no-check", probe]);
      assertEquals(found.code, 0, found.stderr);
      const { before, after, worker } = JSON.parse(found.stdout);
      assert(before.includes("opened"), `the probe cannot open it anyway: ${found.stdout}`);
      for (const states of [after, worker]) {
        assertEquals(new Set(states), new Set(["refused"]), found.stdout);
      }
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
);

t("from source it has no more permissions than compiled, and never prompts", () => {
  const args = sourceFlags({ cachedOnly: true });
  const granted = args.filter((word) => /^(--allow|-A)/.test(word)).map((word) =>
    word.split("=")[0]
  );
  assertEquals(granted, [
    "--allow-net",
    "--allow-read",
    "--allow-write",
    "--allow-env",
    "--allow-sys",
    "--allow-ffi",
    "--allow-run",
  ]);
  assert(args.includes("--no-prompt"));
  assert(args.includes("--allow-run=/proc/self/exe"), "it may run itself and nothing else");
});

t(
  "dependencies are pinned: exact versions, a digest for each, a lock that CI does not change",
  () => {
    const { imports } = config() as unknown as { imports: Record<string, string> };
    for (const target of Object.values(imports)) assertMatch(target, /^npm:[\w-]+@\d+\.\d+\.\d+\//);
    const lock = JSON.parse(Deno.readTextFileSync(`${ROOT}deno.lock`));
    const packages = Object.entries<{ integrity?: string }>(lock.npm ?? {});
    assert(packages.length > 0);
    for (const [name, { integrity }] of packages) assertMatch(integrity ?? "", /^sha512-/, name);
    assertEquals([lock.jsr, lock.remote], [undefined, undefined]);
    assertMatch(Deno.readTextFileSync(`${ROOT}.ci/run`), /deno install --frozen /);
  },
);
