/** The control socket as a client finds it, and whose it may use. */

import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { ExitError } from "../../../lib/base/errors.ts";
import { listenControl } from "../../../lib/control/control_listener.ts";
import {
  connectControl,
  findSockets,
  oldSocketName,
  type SearchOptions,
  socketName,
} from "../../../lib/control/control_socket.ts";
import { leaveStale } from "../../helpers/control/stale_socket.ts";
import { runDirectory } from "../../helpers/run_directory.ts";
import { skip, t } from "../../helpers/t.ts";

const AT = { address: "127.0.0.1", port: 12345 };

const NAME = "balance.12345.127.0.0.1";

const NOBODY = 65534;

const root = Deno.uid() === 0;

/** The first connection, if there is any. */
async function connectFirst(
  at: typeof AT,
  options: SearchOptions,
): Promise<Deno.UnixConn | undefined> {
  for await (const { conn } of connectControl(at, options)) return conn;
  return undefined;
}

t("socketName() is balance.PORT.ADDR", () => {
  assertEquals(socketName(AT), NAME);
  assertEquals(socketName({ address: "::", port: 80 }), "balance.80.::");
  assertEquals(oldSocketName(AT, 7), `${NAME}.old-7`);
});

t("findSockets() finds the sockets of any address, and nothing else", () => {
  using directory = runDirectory();
  const names = [NAME, "balance.80.::", "balance.80.::1.old-12", "balance.81.0.0.0.0.old-3"];
  for (const name of [...names, "balance.x.::", "balance.80.localhost", "balance.80.1.2.3.4.x"]) {
    leaveStale(`${directory.path}/${name}`);
  }
  Deno.writeTextFileSync(`${directory.path}/balance.1.::`, "");
  Deno.symlinkSync(NAME, `${directory.path}/balance.2.::`);
  const missing = { ...directory, path: `${directory.path}/no` };
  const found = findSockets({ directories: [directory, missing, directory] });
  assertEquals(found.map(({ path }) => path.slice(directory.path.length + 1)).sort(), names);
  const eighty = findSockets({ directories: [directory], port: 80 });
  assertEquals(
    eighty.map(({ at, old, uid }) => [at.address, at.port, old, uid]).sort(),
    [["::", 80, false, Deno.uid()], ["::1", 80, true, Deno.uid()]],
  );
});

t(
  "connectControl() returns undefined for a missing or stale socket and for a plain file",
  async () => {
    using directory = runDirectory();
    assertEquals(await connectFirst(AT, { directories: [directory] }), undefined);
    leaveStale(`${directory.path}/${NAME}`);
    assertEquals(await connectFirst(AT, { directories: [directory] }), undefined);
    Deno.removeSync(`${directory.path}/${NAME}`);
    Deno.writeTextFileSync(`${directory.path}/${NAME}`, "");
    assertEquals(await connectFirst(AT, { directories: [directory] }), undefined);
    const missing = { ...directory, path: `${directory.path}/no/such` };
    assertEquals(await connectFirst(AT, { directories: [missing] }), undefined);
  },
);

if (root) {
  t("connectControl() refuses a socket that belongs to another user", async () => {
    using directory = runDirectory(0o1777);
    const path = `${directory.path}/${NAME}`;
    const listener = Deno.listen({ transport: "unix", path });
    Deno.chownSync(path, NOBODY, NOBODY);
    const owner = (uid: number) => connectFirst(AT, { directories: [directory], uid });
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
      const ask = () => connectFirst(AT, { directories: [ours], uid: 0 });
      const error = await assertRejects(ask, ExitError);
      assertMatch(error.message, /: its directory belongs to user 65534$/);
      assertEquals(error.exitCode, 77);
      listener.close();
    },
  );
} else {
  skip("connectControl() refuses a socket that belongs to another user", "needs root to make one");
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
    const listener = await listenControl(AT, { directories: [second] });
    const conn = await connectFirst(AT, { directories: [loop, second] });
    assert(conn);
    conn.close();
    listener.close();
    const error = await assertRejects(
      () => connectFirst(other, { directories: [loop, second] }),
      ExitError,
    );
    assertMatch(error.message, /^balance: can't control \[.*loop\/balance\.1\.127\.0\.0\.1\]: /);
  },
);
