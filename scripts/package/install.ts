/**
 * `deno task install [--root FOLDER]`: installs `balance` as a command of this user,
 * `FOLDER/bin/balance`; the default folder is that of `deno install --global`. The command runs this
 * source with the Deno that installs it, also where `deno` is not on PATH, and with the least
 * permissions.
 *
 * @module
 */
import { parseArgs } from "@std/cli/parse-args";
import { MEMORY_FLAGS, permissionFlags } from "../../lib/system/permissions.ts";
import { runScript, ScriptError } from "../system/script_error.ts";

/** Makes the command and runs it once. */
async function install(args: readonly string[]): Promise<void> {
  const { root } = parseArgs([...args], {
    string: ["root"],
    unknown: (arg) => {
      throw new ScriptError(`unexpected argument [${arg}]: want --root FOLDER`, 2);
    },
  });
  const folder = `${root || defaultRoot()}/bin`;
  await Deno.mkdir(folder, { recursive: true });
  const path = `${await Deno.realPath(folder)}/balance`;
  const deno = Deno.execPath();
  // Replaced, not overwritten: a running shell reads on in the old one.
  await Deno.writeTextFile(`${path}.new`, await command(deno), { mode: 0o755 });
  await Deno.chmod(`${path}.new`, 0o755);
  await Deno.rename(`${path}.new`, path);
  const { code, stdout } = await new Deno.Command(path, {
    args: ["--version"],
    stdin: "null",
    stderr: "inherit",
  }).output();
  if (code !== 0) throw new ScriptError(`${path} does not run: exit code ${code}`);
  console.log(`installed ${new TextDecoder().decode(stdout).trim()} as ${path}`);
  for (const hint of hints(deno, path)) console.error(`install: ${hint}`);
}

function defaultRoot(): string {
  const root = Deno.env.get("DENO_INSTALL_ROOT");
  const home = Deno.env.get("HOME");
  if (!root && !home) throw new ScriptError("HOME is not set: use --root FOLDER");
  return root || `${home}/.deno`;
}

/** The text of the command, for sh. */
async function command(deno: string): Promise<string> {
  const source = await Deno.realPath(`${import.meta.dirname}/../..`);
  const words = [
    "run",
    "--quiet",
    `--config=${source}/deno.json`,
    MEMORY_FLAGS,
    ...permissionFlags(),
    `${source}/main.ts`,
  ];
  const gone = `balance: Deno is neither at ${deno} nor on PATH: ` +
    `run "deno task install" in ${source} again`;
  return `#!/bin/sh
deno=${quoted(deno)}
[ -x "$deno" ] || deno=$(command -v deno) || {
  echo ${quoted(gone)} >&2
  exit 69
}
exec "$deno" ${words.map(quoted).join(" ")} "$@"
`;
}

function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/** What may keep the user from running the command, now or later. */
function* hints(deno: string, path: string): Generator<string> {
  if (deno.includes("/_npx/")) {
    yield `it needs Deno in the cache of npx [${deno}]: after "npm cache clean", install again`;
  }
  const folder = path.replace(/\/balance$/, "");
  if (!(Deno.env.get("PATH") ?? "").split(":").includes(folder)) {
    yield `[${folder}] is not on PATH`;
  }
}

if (import.meta.main) await runScript("install", () => install(Deno.args));
