/**
 * `deno task compile`: makes the one file that is copied to a server, `dist/balance`.
 *
 * The sources and the packages they need are copied to a temporary folder with fixed modification
 * times (`compile/stage.ts`), compiled there with the least permissions (`compile/flags.ts`) and a
 * runtime stub from the first place that has one (`compile/build.ts`), tried out if it is for this
 * machine, and put into `dist/` with `SHA256SUMS`. So two builds of the same sources are the same,
 * byte for byte, wherever they are made.
 *
 * @module
 */
import { format } from "@std/fmt/bytes";
import { stripAnsiCode } from "@std/fmt/colors";
import { parseArguments, USAGE } from "./arguments.ts";
import { build } from "./build.ts";
import { sha256, writeSums } from "./digest.ts";
import { CompileError, NoStubError } from "./error.ts";
import { run } from "./run.ts";
import { makeStage } from "./stage.ts";
import { isTarget, type Target } from "./targets.ts";

/**
 * Does what the command line says, for the project in a folder.
 *
 * @throws {CompileError} with the one line for the user.
 */
export async function compile(args: readonly string[], root: string): Promise<void> {
  const options = parseArguments(args);
  if (options.help) {
    console.log(USAGE);
    return;
  }
  const host = Deno.build.target;
  if (options.targets.length === 0 && !isTarget(host)) {
    throw new CompileError(`Cannot compile for this machine [${host}]; use --target`);
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
          say,
        });
        if (target === host) await tryOut(path, await readVersion(root));
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
    throw new CompileError(
      missing[0].message + (others.length > 0 ? `; the same for ${others.join(", ")}` : ""),
    );
  }
}

/** Proves that an executable starts here: a stub of another Deno version does not. */
async function tryOut(path: string, version: string): Promise<void> {
  const { code, stdout, stderr } = await run([path, "--version"], { limit: 30_000 });
  const text = new TextDecoder().decode(stdout) + stderr;
  if (code !== 0 || !text.includes(version)) {
    const first = stripAnsiCode(text.trim().split("\n")[0] ?? "");
    throw new CompileError(
      `The executable does not start (is the runtime stub of another Deno version?): [${first}]`,
    );
  }
}

/** Puts a file in its place at once, so that a running program of that name does no harm. */
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
  if (typeof config.version !== "string") throw new CompileError("deno.json has no version");
  return config.version;
}

function say(text: string): void {
  console.error(`compile: ${text}`);
}

if (import.meta.main) {
  try {
    await compile(Deno.args, await Deno.realPath(`${import.meta.dirname}/../..`));
  } catch (error) {
    say(error instanceof Error ? error.message : String(error));
    Deno.exit(error instanceof CompileError ? error.exitCode : 1);
  }
}
