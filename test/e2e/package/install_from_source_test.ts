import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { MEMORY_FLAGS, permissionFlags } from "../../../lib/system/permissions.ts";
import { config } from "../../helpers/program/program.ts";
import { runProgram } from "../../helpers/program/start_program.ts";
import { t } from "../../helpers/t.ts";
import { tempDir } from "../../helpers/temp_dir.ts";

const FOLDER = new URL("../../../scripts/package/", import.meta.url).pathname;

/** Runs the script as `deno task install` does. */
function install(deno: string, ...args: string[]) {
  const script = ["run", "-A", "--quiet", "--no-check", `${FOLDER}install.ts`];
  return runProgram(deno, [...script, ...args]);
}

/** Runs a command without Deno on PATH. */
function runWithout(command: string, env: readonly string[] = []) {
  return runProgram("/usr/bin/env", ["PATH=/usr/bin:/bin", ...env, command, "--version"]);
}

const VERSION = { code: 0, stdout: `balance ${config().version}\n`, stderr: "" };

t("installing from source creates a command with the least permissions", async () => {
  using dir = tempDir();
  const { code, stdout, stderr } = await install(Deno.execPath(), "--root", dir.path);
  assertEquals(code, 0, stderr);
  assertStringIncludes(
    stdout,
    `installed balance ${config().version} as ${dir.path}/bin/balance\n`,
  );
  assertStringIncludes(stderr, `install: [${dir.path}/bin] is not on PATH\n`);
  const text = await Deno.readTextFile(`${dir.path}/bin/balance`);
  for (const flag of [...permissionFlags(), MEMORY_FLAGS]) assertStringIncludes(text, ` ${flag} `);
  assert(!/ -A | --allow-all /.test(text), text);
});

t("the installed command runs without deno on PATH, and after Deno has moved", async () => {
  using dir = tempDir();
  // As npx has it: in a cache that may be cleaned.
  const cache = `${dir.path}/_npx/1`;
  await Deno.mkdir(cache, { recursive: true });
  await Deno.copyFile(Deno.execPath(), `${cache}/deno`);
  const { code, stderr } = await install(`${cache}/deno`, "--root", dir.path);
  assertEquals(code, 0, stderr);
  assertMatch(stderr, /^install: it needs Deno in the cache of npx \[\S+\/_npx\/1\/deno\]/m);
  const command = `${dir.path}/bin/balance`;
  assertEquals(await runWithout(command), VERSION);

  await Deno.remove(`${cache}/deno`);
  const gone = await runWithout(command);
  assertEquals([gone.code, gone.stdout], [69, ""]);
  assertMatch(
    gone.stderr,
    /^balance: Deno is neither at \S+ nor on PATH: run "deno task install" .*\n$/,
  );

  await Deno.mkdir(`${dir.path}/path`);
  await Deno.symlink(Deno.execPath(), `${dir.path}/path/deno`);
  assertEquals(await runWithout(command, [`PATH=${dir.path}/path:/usr/bin:/bin`]), VERSION);
});

t("installing refuses other arguments", async () => {
  for (const wrong of ["extra", "--rot=/tmp"]) {
    const { code, stderr } = await install(Deno.execPath(), wrong);
    assertEquals(code, 2);
    assertStringIncludes(stderr, `install: unexpected argument [${wrong}]: want --root FOLDER`);
  }
});
