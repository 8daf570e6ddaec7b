/** The control socket as its owner sees it: created, kept, handed over, removed. */

import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { ExitError } from "../../../lib/base/errors.ts";
import { listenControl } from "../../../lib/control/control_listener.ts";
import type { RunDirectory } from "../../../lib/system/run_directory.ts";
import { leaveStale } from "../../helpers/control/stale_socket.ts";
import { connectUnix } from "../../helpers/net/control_socket.ts";
import { runDirectory } from "../../helpers/run_directory.ts";
import { runProgram } from "../../helpers/program/start_program.ts";
import { skip, t, tool, until } from "../../helpers/t.ts";

const AT = { address: "127.0.0.1", port: 12345 };

const NAME = "balance.12345.127.0.0.1";

const NOBODY = 65534;

const root = Deno.uid() === 0;

const modeOf = (path: string): number => (Deno.lstatSync(path).mode ?? 0) & 0o7777;

const names = ({ path }: { path: string }): string[] =>
  [...Deno.readDirSync(path)].map(({ name }) => name).sort();

t(
  "listenControl() creates a socket of mode 0600 for any umask, and close() removes it",
  async () => {
    using directory = runDirectory();
    const listener = await listenControl(AT, { directories: [directory] });
    const { path, former } = listener;
    assertEquals([path, former], [`${directory.path}/${NAME}`, "nothing"]);
    assertEquals(names(directory), [NAME]);
    assertEquals(modeOf(path), 0o600);
    assert(Deno.lstatSync(path).isSocket);
    listener.close();
    assertEquals(names(directory), []);
  },
);

t("listenControl() replaces a stale socket", async () => {
  using directory = runDirectory();
  leaveStale(`${directory.path}/${NAME}`);
  const listener = await listenControl(AT, { directories: [directory] });
  assertEquals(listener.former, "a stale socket");
  (await connectUnix(listener.path)).close();
  listener.close();
});

t(
  "listenControl() removes what balances that drained have left when they were killed",
  async () => {
    using directory = runDirectory();
    leaveStale(`${directory.path}/${NAME}.old-1`);
    Deno.writeTextFileSync(`${directory.path}/${NAME}.old-2`, "precious");
    using live = Deno.listen({ transport: "unix", path: `${directory.path}/${NAME}.old-3` });
    const listener = await listenControl(AT, { directories: [directory] });
    assertEquals(names(directory), [NAME, `${NAME}.old-2`, `${NAME}.old-3`]);
    assert(live.addr);
    listener.close();
  },
);

t("listenControl() never replaces a socket in use, nor a file that is not a socket", async () => {
  using directory = runDirectory();
  const listener = await listenControl(AT, { directories: [directory] });
  const live = await assertRejects(
    () => listenControl(AT, { directories: [directory] }),
    ExitError,
  );
  assertMatch(live.message, /^balance: can't create \[.*\]: another balance answers on it$/);
  assertEquals(live.exitCode, 73);
  const accepted = listener.accept();
  (await accepted).close();
  listener.close();
  assertEquals(names(directory), []);

  Deno.writeTextFileSync(`${directory.path}/${NAME}`, "precious");
  const file = await assertRejects(
    () => listenControl(AT, { directories: [directory] }),
    ExitError,
  );
  assertMatch(file.message, /: it exists and is not a socket$/);
  assertEquals(Deno.readTextFileSync(`${directory.path}/${NAME}`), "precious");
});

t("listenControl() reports a path that is too long for a socket", async () => {
  using parent = runDirectory();
  const path = `${parent.path}/${"x".repeat(100)}`;
  const error = await assertRejects(
    () => listenControl(AT, { directories: [{ path, mode: 0o700, explicit: true }] }),
    ExitError,
  );
  assertMatch(
    error.message,
    /^balance: can't create \[.*\]: a socket's path may have at most 107 bytes$/,
  );
});

t(
  "listenControl() uses the first usable directory, or reports why each one is refused",
  async () => {
    using bad = runDirectory(0o777);
    using good = runDirectory();
    const loose = (directory: RunDirectory) => ({ ...directory, explicit: false });
    const listener = await listenControl(AT, { directories: [loose(bad), loose(good)] });
    assertEquals(listener.path, `${good.path}/${NAME}`);
    (await connectUnix(listener.path)).close();
    listener.close();
    const error = await assertRejects(
      () => listenControl(AT, { directories: [loose(bad), loose(bad)] }),
      ExitError,
    );
    assertEquals(error.message.match(/not sticky/g)?.length, 2);
  },
);

/** Answers each client of a listener with a greeting, until the listener is closed. */
async function greet(
  listener: { accept(): Promise<Deno.Conn> },
  hello: Record<string, unknown>,
): Promise<void> {
  for (;;) {
    let conn: Deno.Conn;
    try {
      conn = await listener.accept();
    } catch {
      return;
    }
    await conn.write(new TextEncoder().encode(`${JSON.stringify(hello)}\n`)).catch(() => {});
    conn.close();
  }
}

t(
  "a socket that was removed is created again, with its directory, and clients get in",
  async () => {
    using parent = runDirectory();
    const directory = { path: `${parent.path}/run`, mode: 0o700, explicit: true };
    const notices: string[] = [];
    const listener = await listenControl(AT, {
      directories: [directory],
      watchMs: 10,
      notice: (line) => notices.push(line),
    });
    const greeting = greet(listener, { version: "x", pid: 1 });
    const { path } = listener;
    for (const remove of [path, directory.path]) {
      Deno.removeSync(remove, { recursive: true });
      await until(async () => {
        try {
          (await connectUnix(path)).close();
          return true;
        } catch {
          return false;
        }
      }, { what: "the socket" });
      assertEquals([modeOf(path), modeOf(directory.path)], [0o600, 0o700]);
      assertEquals(names(directory), [NAME]);
    }
    assertEquals(
      notices,
      Array(2).fill(
        `balance: the control socket was removed, created again as ${path}`,
      ),
    );
    listener.close();
    await greeting;
    assertEquals(names(directory), []);
  },
);

t("a socket that cannot be created again is reported once, and created when possible", async () => {
  using parent = runDirectory();
  const directory = { path: `${parent.path}/run`, mode: 0o700, explicit: true };
  const notices: string[] = [];
  const listener = await listenControl(AT, {
    directories: [directory],
    watchMs: 5,
    notice: (line) => notices.push(line),
  });
  Deno.removeSync(directory.path, { recursive: true });
  Deno.writeTextFileSync(directory.path, "in the way");
  await until(() => notices.length > 0);
  let looks = 0;
  await until(() => ++looks > 20);
  assertMatch(notices.join("\n"), /^balance: the control socket was removed: .*not a directory$/);
  Deno.removeSync(directory.path);
  await until(() => notices.length > 1);
  assertEquals(names(directory), [NAME]);
  listener.close();
});

t("closing removes only the own socket, not that of another balance", async () => {
  using directory = runDirectory();
  const first = await listenControl(AT, { directories: [directory] });
  Deno.removeSync(first.path);
  const second = await listenControl(AT, { directories: [directory] });
  const id = Deno.lstatSync(second.path).ino;
  first.close();
  assertEquals(Deno.lstatSync(second.path).ino, id);
  second.close();
  assertEquals(names(directory), []);
});

t("a predecessor that drains keeps its socket under another name, and learns of it", async () => {
  using directory = runDirectory();
  let succeeded = 0;
  const options = { directories: [directory] };
  const old = await listenControl(AT, { ...options, succeeded: () => succeeded++, watchMs: 5 });
  const hello = { version: "x", pid: Deno.pid, stopping: false };
  const greeting = greet(old, hello);
  // It gets a moment to start its shutdown.
  const starting = listenControl(AT, options);
  hello.stopping = true;
  const next = await starting;
  assertEquals(next.former, "a balance that drains");
  assertEquals(succeeded, 1);
  const oldName = `${NAME}.old-${Deno.pid}`;
  assertEquals(names(directory), [NAME, oldName]);
  assertEquals(old.path, `${directory.path}/${oldName}`);
  (await connectUnix(old.path)).close();
  const { ino } = Deno.lstatSync(next.path);
  old.close();
  await greeting;
  assertEquals(names(directory), [NAME]);
  assertEquals(Deno.lstatSync(next.path).ino, ino);
  next.close();
});

t("a process that listens but does not answer keeps its socket", async () => {
  using directory = runDirectory();
  const path = `${directory.path}/${NAME}`;
  const silent = Deno.listen({ transport: "unix", path });
  const { ino } = Deno.lstatSync(path);
  const error = await assertRejects(
    () => listenControl(AT, { directories: [directory] }),
    ExitError,
  );
  assertMatch(error.message, /another balance answers on it$/);
  assertEquals(names(directory), [NAME]);
  assertEquals(Deno.lstatSync(path).ino, ino);
  silent.close();
});

const setpriv = tool("setpriv"), perl = tool("perl");
if (root && setpriv !== undefined && perl !== undefined) {
  t("another user cannot connect, even in a directory that everyone may enter", async () => {
    using directory = runDirectory(0o1777);
    const listener = await listenControl(AT, { directories: [directory] });
    const { path } = listener;
    assertEquals(await asNobody(path), "Permission denied");
    // With mode 0666 the same user may connect, so it is the mode that refuses.
    Deno.chmodSync(path, 0o666);
    const accepted = listener.accept();
    assertEquals(await asNobody(path), "connected");
    (await accepted).close();
    listener.close();
  });
} else {
  skip("another user cannot connect", "needs root, setpriv and perl to be another user");
}

async function asNobody(path: string): Promise<string> {
  const script = "use Socket; socket(S, AF_UNIX, SOCK_STREAM, 0); $| = 1; " +
    'print connect(S, sockaddr_un($ARGV[0])) ? "connected" : "$!"';
  const ids = [`--reuid=${NOBODY}`, `--regid=${NOBODY}`, "--clear-groups"];
  const { stdout, stderr } = await runProgram(setpriv ?? "", [
    ...ids,
    perl ?? "",
    "-e",
    script,
    path,
  ]);
  assertEquals(stderr, "");
  return stdout;
}
