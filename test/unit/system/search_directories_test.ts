/** Where a control client searches, and whose sockets it may use. */

import { assertEquals, assertThrows } from "@std/assert";
import {
  checkSocket,
  searchDirectories,
  type SearchDirectory,
} from "../../../lib/system/search_directories.ts";
import { leaveStale } from "../../helpers/control/stale_socket.ts";
import { skip, t } from "../../helpers/t.ts";
import { tempDir } from "../../helpers/temp_dir.ts";

const root = Deno.uid() === 0;

const [USER, THIRD] = [61001, 61002];

const env = (values: Record<string, string>) => (name: string) => values[name];

t("searchDirectories() is BALANCE_RUNDIR alone if set, else those of servers and sessions", () => {
  const paths = (values: Record<string, string>) =>
    searchDirectories({ env: env(values), uid: 7 }).map(({ path }) => path);
  assertEquals(paths({ BALANCE_RUNDIR: "/x", XDG_RUNTIME_DIR: "/y" }), ["/x"]);
  const always = ["/var/run/balance", "/tmp/balance-7"];
  assertEquals(paths({}), [...always, "/run/user/7/balance"]);
  assertEquals(paths({ XDG_RUNTIME_DIR: "/y" }), [...always, "/y/balance", "/run/user/7/balance"]);
  assertEquals(paths({ XDG_RUNTIME_DIR: "/run/user/7" }), [...always, "/run/user/7/balance"]);
});

t("searchDirectories() of root has the directories of all users, with their owners", () => {
  using tmp = tempDir();
  using sessions = tempDir();
  for (const name of ["balance-100", "balance-9", "balance-0", "balance-x", "balance-07", "x"]) {
    Deno.mkdirSync(`${tmp.path}/${name}`);
  }
  for (const name of ["0", "9", "100", "x"]) Deno.mkdirSync(`${sessions.path}/${name}`);
  const search = (uid: number) =>
    searchDirectories({
      env: env({ XDG_RUNTIME_DIR: `${sessions.path}/9` }),
      uid,
      tmp: tmp.path,
      sessions: sessions.path,
    });
  assertEquals(search(7).some(({ owner }) => owner !== undefined), false);
  assertEquals(search(0).map(({ path, owner }) => [path, owner]), [
    ["/var/run/balance", undefined],
    ["/tmp/balance-0", undefined],
    [`${sessions.path}/0/balance`, undefined],
    [`${tmp.path}/balance-9`, 9],
    [`${tmp.path}/balance-100`, 100],
    [`${sessions.path}/9/balance`, 9],
    [`${sessions.path}/100/balance`, 100],
  ]);
});

/** A directory with a socket, each of a user. */
function place(
  parent: string,
  { directory, socket, mode = 0o700 }: { directory: number; socket: number; mode?: number },
): string {
  const path = `${parent}/place`;
  Deno.mkdirSync(path);
  leaveStale(`${path}/s`);
  Deno.chownSync(`${path}/s`, socket, socket);
  Deno.chownSync(path, directory, directory);
  Deno.chmodSync(path, mode);
  return path;
}

/** Why a user must not use the socket; its owner if it may. */
function verdict(directory: SearchDirectory, me: number): string | number {
  try {
    return checkSocket(directory, `${directory.path}/s`, me);
  } catch (error) {
    return (error as Error).message;
  }
}

if (root) {
  t("root uses the socket of a user in the directory of that user only", () => {
    const cases: [owners: Parameters<typeof place>[1], found: string | number][] = [
      [{ directory: USER, socket: USER }, USER],
      [{ directory: USER, socket: USER, mode: 0o777 }, USER],
      [{ directory: USER, socket: THIRD }, `it belongs to user ${THIRD}`],
      [{ directory: USER, socket: 0 }, "it belongs to user 0"],
      [{ directory: THIRD, socket: THIRD }, `its directory belongs to user ${THIRD}`],
      [{ directory: 0, socket: 0 }, 0],
    ];
    for (const [owners, found] of cases) {
      using parent = tempDir();
      Deno.chmodSync(parent.path, 0o1777);
      const path = place(parent.path, owners);
      assertEquals(verdict({ path, explicit: false, owner: USER }, 0), found);
    }
  });

  t(
    "root uses a directory of any user that only root can have created, such as /run/balance",
    () => {
      using parent = tempDir();
      Deno.chmodSync(parent.path, 0o755);
      const path = place(parent.path, { directory: USER, socket: USER, mode: 0o755 });
      const directory = { path, explicit: false };
      assertEquals(verdict(directory, 0), USER);
      assertEquals(verdict(directory, USER), USER);
      assertEquals(verdict(directory, THIRD), `its directory belongs to user ${USER}`);
      Deno.chownSync(`${path}/s`, THIRD, THIRD);
      assertEquals(verdict(directory, 0), `it belongs to user ${THIRD}`);
      Deno.chownSync(`${path}/s`, USER, USER);
      for (const mode of [0o777, 0o1777, 0o775]) {
        Deno.chmodSync(parent.path, mode);
        assertEquals(verdict(directory, 0), `its directory belongs to user ${USER}`);
      }
      Deno.chmodSync(parent.path, 0o755);
      Deno.chownSync(parent.path, USER, USER);
      assertEquals(verdict(directory, 0), `its directory belongs to user ${USER}`);
    },
  );

  t("links of other users are not followed, neither as a directory nor as a socket", () => {
    using parent = tempDir();
    Deno.chmodSync(parent.path, 0o1777);
    const path = place(parent.path, { directory: 0, socket: 0 });
    const link = `${parent.path}/link`;
    Deno.symlinkSync(path, link);
    assertEquals(verdict({ path: link, explicit: false }, 0), 0);
    chownLink(link, USER);
    const reason = `its directory is a link of user ${USER}`;
    assertEquals(verdict({ path: link, explicit: false }, 0), reason);
    assertEquals(verdict({ path: link, explicit: false, owner: USER }, 0), reason);
    Deno.renameSync(`${path}/s`, `${path}/other`);
    Deno.symlinkSync("other", `${path}/s`);
    assertEquals(verdict({ path, explicit: false }, 0), "it is a link");
    assertEquals(verdict({ path, explicit: true }, 0), "it is a link");
  });

  t("a directory in which others may replace the socket is refused", () => {
    for (const [mode, found] of [[0o777, false], [0o770, false], [0o1777, true]] as const) {
      using parent = tempDir();
      const path = place(parent.path, { directory: 0, socket: 0, mode });
      const reason = "others may write to its directory and it is not sticky";
      assertEquals(verdict({ path, explicit: false }, 0), found ? 0 : reason);
    }
  });
} else skip("root uses the socket of a user in the directory of that user only", "needs root");

function chownLink(path: string, uid: number): void {
  new Deno.Command("chown", { args: ["-h", String(uid), path] }).outputSync();
}

t("where no socket is, the owner of the directory does not matter", () => {
  using directory = tempDir();
  const missing = (path: string, name = "s") =>
    assertThrows(
      () => checkSocket({ path, explicit: false }, `${path}/${name}`, 12345),
      Deno.errors.NotFound,
    );
  missing(directory.path);
  missing(`${directory.path}/none`);
  Deno.writeTextFileSync(`${directory.path}/file`, "");
  missing(directory.path, "file");
});
