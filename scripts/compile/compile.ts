/**
 * `deno task compile`: compiles balance into one executable, `dist/balance`.
 *
 * It copies the sources and the packages they need to a temporary folder with fixed modification
 * times (`stage.ts`), compiles them there with the least permissions (`flags.ts`) and a runtime stub
 * from the first source that has one (`build.ts`), runs the result once if it is for this machine,
 * and puts it into `dist/` with `SHA256SUMS`. Two builds of the same sources are identical, byte for
 * byte, on any machine.
 *
 * @module
 */
import { format } from "@std/fmt/bytes";
import { stripAnsiCode } from "@std/fmt/colors";
import { printed, run } from "../system/command.ts";
import { runScript, ScriptError } from "../system/script_error.ts";
import { parseArguments, USAGE } from "./arguments.ts";
import { build } from "./build.ts";
import { sha256, writeSums } from "./digest.ts";
import { NoStubError } from "./no_stub_error.ts";
import { makeStage } from "./stage.ts";
import { isTarget, type Target } from "./targets.ts";

/** Time limit for the first run of a new executable, in milliseconds. */
const FIRST_RUN_MS = 30_000;

/**
 * Compiles the project in a folder as the command line asks.
 *
 * @throws {ScriptError} with the line for the user.
 */
export async function compile(args: readonly string[], root: string): Promise<void> {
  const options = parseArguments(args);
  if (options.help) {
    console.log(USAGE);
    return;
  }
  const host = Deno.build.target;
  if (options.targets.length === 0 && !isTarget(host)) {
    throw new ScriptError(`Cannot compile for this machine [${host}]; use --target`);
  }
  const targets: Target[] = options.targets.length > 0 ? options.targets : [host as Target];
  const folder = await Deno.makeTempDir({ prefix: "balance-compile-" });
  const missing: NoStubError[] = [];
  try {
    const stage = await makeStage(root, await Deno.realPath(folder));
    for (const target of targets) {
      try {
        const path = await build(target, {
          stage,
          folder,
          denort: Deno.env.get("DENORT_BIN") || undefined,
          fromRegistry: options.fromRegistry,
          report,
        });
        if (target === host) await checkStart(path, await readVersion(root));
        const name = options.targets.length > 0 ? `balance-${target}` : "balance";
        await install(path, { folder: `${root}/dist`, name });
      } catch (error) {
        if (!(error instanceof NoStubError)) throw error;
        missing.push(error);
      }
    }
    if (missing.length < targets.length) await writeSums(`${root}/dist`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
  if (missing[0] !== undefined) {
    const others = missing.slice(1).map((error) => error.target);
    throw new ScriptError(
      missing[0].message + (others.length > 0 ? `; the same for ${others.join(", ")}` : ""),
    );
  }
}

/** Checks that an executable starts on this machine: with a stub of another version it does not. */
async function checkStart(path: string, version: string): Promise<void> {
  const outcome = await run([path, "--version"], { limit: FIRST_RUN_MS });
  const text = printed(outcome);
  if (outcome.code !== 0 || !text.includes(version)) {
    const first = stripAnsiCode(text.trim().split("\n")[0] ?? "");
    throw new ScriptError(
      `The executable does not start (is the runtime stub of another Deno version?): [${first}]`,
    );
  }
}

/** Puts the executable into `dist/` with a rename, because a running one cannot be overwritten. */
async function install(
  from: string,
  { folder, name }: { folder: string; name: string },
): Promise<void> {
  await Deno.mkdir(folder, { recursive: true });
  const to = `${folder}/${name}`;
  const part = `${to}.${crypto.randomUUID()}`;
  await Deno.copyFile(from, part);
  await Deno.chmod(part, 0o755);
  await Deno.rename(part, to);
  const bytes = await Deno.readFile(to);
  const size = format(bytes.length, { binary: true });
  console.log(`dist/${name}  ${size}  sha256 ${await sha256(bytes)}`);
}

async function readVersion(root: string): Promise<string> {
  const config: { version?: unknown } = JSON.parse(await Deno.readTextFile(`${root}/deno.json`));
  if (typeof config.version !== "string") throw new ScriptError("deno.json has no version");
  return config.version;
}

function report(text: string): void {
  console.error(`compile: ${text}`);
}

if (import.meta.main) {
  await runScript("compile", async () => {
    await compile(Deno.args, await Deno.realPath(`${import.meta.dirname}/../..`));
  });
}
