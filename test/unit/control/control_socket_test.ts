/** The control socket: the file itself, and who may use it. */

import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { ExitError } from "../../../lib/base/errors.ts";
import { connectControl, listenControl, socketName } from "../../../lib/control/control_socket.ts";
import type { RunDirectory } from "../../../lib/system/run_directory.ts";
import { runDirectory } from "../../helpers/run_directory.ts";
import { runProgram } from "../../helpers/program/start_program.ts";
import { skip, t, tool, until } from "../../helpers/t.ts";

const AT = { address: "127.0.0.1", port: 12345 };

const NAME = "balance.12345.127.0.0.1";

const NOBODY = 65534;

const root = Deno.uid() === 0;

const modeOf = (path: string): number => (Deno.lstatSync(path).mode ?? 0) & 0o7777;

t("socketName() is balance.PORT.ADDR", () => {
  assertEquals(socketName(AT), NAME);
  assertEquals(socketName({ address: "::", port: 80 }), "balance.80.::");
});

t(
  "listenControl() creates a socket of mode 0600 for any umask, and close() removes it",
  async () => {
    using directory = runDirectory();
    const { listener, path, replaced } = await listenControl(AT, { directories: [directory] });
    assertEquals([path, replaced], [`${directory.path}/${NAME}`, false]);
    assertEquals(modeOf(path), 0o600);
    assert(Deno.lstatSync(path).isSocket);
    listener.close();
    await until(() => [...Deno.readDirSync(directory.path)].length === 0);
  },
);

t("listenControl() replaces a stale socket", async () => {
  using directory = runDirectory();
  leaveStale(`${directory.path}/${NAME}`);
  const { listener, replaced } = await listenControl(AT, { directories: [directory] });
  assertEquals(replaced, true);
  (await connectControl(AT, { directories: [directory] }))?.close();
  listener.close();
});

/** Leaves the socket of a killed process: bound, linked elsewhere, and closed. */
function leaveStale(path: string): void {
  const listener = Deno.listen({ transport: "unix", path: `${path}.x` });
  Deno.linkSync(`${path}.x`, path);
  listener.close();
}

t("listenControl() never replaces a socket in use, nor a file that is not a socket", async () => {
  using directory = runDirectory();
  const { listener } = await listenControl(AT, { directories: [directory] });
  const live = await assertRejects(
    () => listenControl(AT, { directories: [directory] }),
    ExitError,
  );
  assertMatch(live.message, /^balance: can't create \[.*\]: another balance answers on it$/);
  assertEquals(live.exitCode, 73);
  const accepted = listener.accept();
  (await accepted).close();
  listener.close();
  await until(() => [...Deno.readDirSync(directory.path)].length === 0);

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
  assertMatch(error.message, /^balance: can't create \[.*\]: path must be shorter than SUN_LEN$/);
});

t(
  "listenControl() uses the first usable directory, or reports why each one is refused",
  async () => {
    using bad = runDirectory(0o777);
    using good = runDirectory();
    const loose = (directory: RunDirectory) => ({ ...directory, explicit: false });
    const { listener, path } = await listenControl(AT, { directories: [loose(bad), loose(good)] });
    assertEquals(path, `${good.path}/${NAME}`);
    const conn = await connectControl(AT, { directories: [loose(bad), loose(good)] });
    assert(conn);
    conn.close();
    listener.close();
    const error = await assertRejects(
      () => listenControl(AT, { directories: [loose(bad), loose(bad)] }),
      ExitError,
    );
    assertEquals(error.message.match(/not sticky/g)?.length, 2);
  },
);

t(
  "connectControl() returns undefined for a missing or stale socket and for a plain file",
  async () => {
    using directory = runDirectory();
    assertEquals(await connectControl(AT, { directories: [directory] }), undefined);
    leaveStale(`${directory.path}/${NAME}`);
    assertEquals(await connectControl(AT, { directories: [directory] }), undefined);
    Deno.removeSync(`${directory.path}/${NAME}`);
    Deno.writeTextFileSync(`${directory.path}/${NAME}`, "");
    assertEquals(await connectControl(AT, { directories: [directory] }), undefined);
    const missing = { ...directory, path: `${directory.path}/no/such` };
    assertEquals(await connectControl(AT, { directories: [missing] }), undefined);
  },
);

const setpriv = tool("setpriv"), perl = tool("perl");
if (root && setpriv !== undefined && perl !== undefined) {
  t("another user cannot connect, even in a directory that everyone may enter", async () => {
    using directory = runDirectory(0o1777);
    const { listener, path } = await listenControl(AT, { directories: [directory] });
    assertEquals(await asNobody(path), "Permission denied");
    // With mode 0666 the same user may connect, so it is the mode that refuses.
    Deno.chmodSync(path, 0o666);
    const accepted = listener.accept();
    assertEquals(await asNobody(path), "connected");
    (await accepted).close();
    listener.close();
  });

  t("connectControl() refuses a socket that belongs to another user", async () => {
    using directory = runDirectory(0o1777);
    const path = `${directory.path}/${NAME}`;
    const listener = Deno.listen({ transport: "unix", path });
    Deno.chownSync(path, NOBODY, NOBODY);
    const owner = (uid: number) => connectControl(AT, { directories: [directory], uid });
    const error = await assertRejects(() => owner(1234), ExitError);
    assertMatch(error.message, /^balance: can't control \[.*\]: it belongs to user 65534$/);
    assertEquals(error.exitCode, 77);
    for (const uid of [NOBODY, 0]) {
      const accepted = listener.accept();
      const conn = await owner(uid);
      (await accepted).close();
      conn?.close();
    }
    listener.close();
  });

  t(
    "connectControl() refuses a socket in a default directory of another user",
    async () => {
      using directory = runDirectory(0o700);
      const path = `${directory.path}/${NAME}`;
      const listener = Deno.listen({ transport: "unix", path });
      Deno.chownSync(directory.path, NOBODY, NOBODY);
      const ours = { path: directory.path, mode: 0o700, explicit: false };
      const ask = () => connectControl(AT, { directories: [ours], uid: 0 });
      const error = await assertRejects(ask, ExitError);
      assertMatch(error.message, /: its directory belongs to user 65534$/);
      assertEquals(error.exitCode, 77);
      listener.close();
    },
  );
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

t(
  "connectControl() tries the next directory after an error, and reports it if none is left",
  async () => {
    using first = runDirectory();
    using second = runDirectory();
    const other = { ...AT, port: 1 };
    // Not even root can follow a loop of links.
    Deno.symlinkSync("loop", `${first.path}/loop`);
    const loop = { ...first, path: `${first.path}/loop` };
    const { listener } = await listenControl(AT, { directories: [second] });
    const conn = await connectControl(AT, { directories: [loop, second] });
    assert(conn);
    conn.close();
    listener.close();
    const error = await assertRejects(
      () => connectControl(other, { directories: [loop, second] }),
      ExitError,
    );
    assertMatch(error.message, /^balance: can't control \[.*loop\/balance\.1\.127\.0\.0\.1\]: /);
  },
);
