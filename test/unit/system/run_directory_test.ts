/** The run directory: where it is, and what makes it unsafe to use. */

import { assertEquals, assertMatch, assertThrows } from "@std/assert";
import {
  prepareDirectory,
  runDirectories,
  type RunDirectory,
  RunDirectoryError,
} from "../../../lib/system/run_directory.ts";
import { runDirectory } from "../../helpers/run_directory.ts";
import { skip, t } from "../../helpers/t.ts";

const NOBODY = 65534;

const root = Deno.uid() === 0;

const modeOf = (path: string): number => (Deno.lstatSync(path).mode ?? 0) & 0o7777;

/** Why a directory is refused, with its path replaced by `DIR`. */
function reasonAgainst(directory: RunDirectory): string {
  const error = assertThrows(() => prepareDirectory(directory), RunDirectoryError);
  assertEquals(error.exitCode, 73);
  return error.message.replace(directory.path, "DIR");
}

t("runDirectories() is BALANCE_RUNDIR alone if set, else two, whatever the session is", () => {
  const env = (values: Record<string, string>) => (name: string) => values[name];
  const paths = (values: Record<string, string>) =>
    runDirectories(env(values)).map(({ path }) => path);
  const own = `/tmp/balance-${Deno.uid()}`;
  assertEquals(paths({}), ["/var/run/balance", own]);
  assertEquals(paths({ XDG_RUNTIME_DIR: "/run/user/7" }), ["/var/run/balance", own]);
  assertEquals(paths({ XDG_RUNTIME_DIR: "/run/user/7", BALANCE_RUNDIR: "/x" }), ["/x"]);
  assertEquals(paths({ BALANCE_RUNDIR: "" }), ["/var/run/balance", own]);
  assertEquals(runDirectories(env({})).map(({ mode }) => mode), [0o755, 0o700]);
});

t("prepareDirectory() creates a missing directory with mode 0700", () => {
  using parent = runDirectory();
  const path = `${parent.path}/run`;
  prepareDirectory({ path, mode: 0o700, explicit: true });
  assertEquals(modeOf(path), 0o700);
  prepareDirectory({ path, mode: 0o700, explicit: true });
});

t("prepareDirectory() accepts a directory that others cannot write to, or a sticky one", () => {
  for (const mode of [0o700, 0o755, 0o1777]) {
    using directory = runDirectory(mode);
    prepareDirectory(directory);
    assertEquals(modeOf(directory.path), mode);
  }
});

t("prepareDirectory() refuses a directory writable by others without the sticky bit", () => {
  for (const mode of [0o777, 0o775, 0o702]) {
    using directory = runDirectory(mode);
    assertEquals(
      reasonAgainst(directory),
      "balance: can't use run directory [DIR]: others may write to it and it is not sticky",
    );
  }
});

t("prepareDirectory() refuses a file, a dangling link and a path it cannot create", () => {
  using parent = runDirectory();
  const file = `${parent.path}/file`;
  Deno.writeTextFileSync(file, "");
  const refused = (path: string) => reasonAgainst({ path, mode: 0o700, explicit: true });
  assertMatch(refused(file), /\[DIR\]: not a directory$/);
  assertMatch(refused(`${file}/run`), /\[DIR\]: Not a directory$/);
  assertMatch(refused(`${parent.path}/no/run`), /\[DIR\]: No such file or directory$/);
  Deno.symlinkSync(`${parent.path}/gone`, `${parent.path}/link`);
  assertMatch(refused(`${parent.path}/link`), /\[DIR\]: /);
});

if (root) {
  t("prepareDirectory() refuses a directory of another user, also through a link", () => {
    using theirs = runDirectory();
    Deno.chownSync(theirs.path, NOBODY, NOBODY);
    assertMatch(reasonAgainst(theirs), /\[DIR\]: it belongs to user 65534$/);

    using ours = runDirectory();
    const link = `${theirs.path}/link`;
    Deno.symlinkSync(ours.path, link);
    prepareDirectory({ ...ours, path: link });
    new Deno.Command("chown", { args: ["-h", "65534", link] }).outputSync();
    assertMatch(
      reasonAgainst({ ...ours, path: link }),
      /\[DIR\]: the link belongs to user 65534$/,
    );
  });
} else skip("prepareDirectory() refuses a directory of another user", "needs root to make one");
