/**
 * `deno run -A scripts/version_match.ts [--tag vX.Y.Z] [--bin FILE]`: checks before a release that
 * the git tag, the newest version in CHANGELOG.md and the output of `--version` all agree with the
 * version in `deno.json`. Exits with 1 and prints one line for each mismatch.
 *
 * Without `--tag` it checks the tags of the form vX.Y.Z at HEAD, if any. Without `--bin` it runs
 * `$BALANCE_BIN`, else the program from source.
 *
 * @module
 */
import { parseArgs } from "@std/cli/parse-args";
import { printed, run } from "./system/command.ts";
import { readTextIfExists } from "./system/files.ts";
import { runScript, ScriptError } from "./system/script_error.ts";

/** Time limits in milliseconds. */
const PROGRAM_MS = 120_000, GIT_MS = 30_000;

/** The version in each place; `undefined` where it is missing. */
export interface Versions {
  /** `version` in deno.json. */
  config: string | undefined;
  /** Newest version in CHANGELOG.md, see {@linkcode changelogVersion}. */
  changelog: string | undefined;
  /** What the program printed, see {@linkcode printedVersion}. */
  program: string | undefined;
  /** Tags at HEAD, such as "v4.0.0"; none between releases. */
  tags: readonly string[];
}

/**
 * The newest version of a changelog: that of the first second-level heading with a version, such as
 * `## [4.0.0] - 2026-01-31`. Skips a heading `[Unreleased]`.
 */
export function changelogVersion(text: string): string | undefined {
  return /^## \[?v?(\d+\.\d+\.\d+[-+.0-9A-Za-z]*)\]?/m.exec(text)?.[1];
}

/** The first version in the output of `--version`. */
export function printedVersion(text: string): string | undefined {
  return /\b(\d+\.\d+\.\d+[-+.0-9A-Za-z]*)/.exec(text)?.[1];
}

/** One line for each place that does not agree with `deno.json`. */
export function mismatches({ config, changelog, program, tags }: Versions): string[] {
  if (config === undefined) return ["deno.json has no version"];
  const lines: string[] = [];
  for (const tag of tags) {
    if (tag !== `v${config}`) lines.push(`The git tag is [${tag}], deno.json has [${config}]`);
  }
  if (changelog !== config) {
    lines.push(`CHANGELOG.md has [${changelog ?? "no version"}], deno.json has [${config}]`);
  }
  if (program !== config) {
    lines.push(`--version prints [${program ?? "no version"}], deno.json has [${config}]`);
  }
  return lines;
}

async function readVersions(root: string, { tag, bin }: Settings): Promise<Versions> {
  const config: { version?: unknown } = JSON.parse(
    await readTextIfExists(`${root}/deno.json`) ?? "{}",
  );
  const source = [Deno.execPath(), "run", "--quiet", "-A", `${root}/main.ts`];
  const program = await run([...(bin === undefined ? source : [bin]), "--version"], {
    limit: PROGRAM_MS,
  });
  return {
    config: typeof config.version === "string" ? config.version : undefined,
    changelog: changelogVersion(await readTextIfExists(`${root}/CHANGELOG.md`) ?? ""),
    program: program.code === 0 ? printedVersion(printed(program)) : undefined,
    tags: tag === undefined ? await tagsAtHead(root) : [tag],
  };
}

/** Tags vX.Y.Z at HEAD; none if there is no git, no repository or no commit. */
async function tagsAtHead(root: string): Promise<string[]> {
  try {
    const { code, stdout } = await run(["git", "-C", root, "tag", "--points-at", "HEAD"], {
      limit: GIT_MS,
    });
    const names = code === 0 ? new TextDecoder().decode(stdout).split("\n") : [];
    return names.filter((name) => /^v\d+\.\d+\.\d+/.test(name));
  } catch (error) {
    if (error instanceof ScriptError) return [];
    throw error;
  }
}

interface Settings {
  tag: string | undefined;
  bin: string | undefined;
}

function readSettings(args: readonly string[]): Settings {
  const parsed = parseArgs(args, {
    string: ["tag", "bin"],
    unknown: (arg) => {
      throw new ScriptError(`Unknown argument [${arg}]; known are --tag vX.Y.Z and --bin FILE`, 2);
    },
  });
  const text = (name: string) => typeof parsed[name] === "string" ? parsed[name] : undefined;
  return { tag: text("tag"), bin: text("bin") ?? (Deno.env.get("BALANCE_BIN") || undefined) };
}

if (import.meta.main) {
  await runScript("version_match", async () => {
    const root = await Deno.realPath(`${import.meta.dirname}/..`);
    const versions = await readVersions(root, readSettings(Deno.args));
    const lines = mismatches(versions);
    for (const line of lines) console.error(`version_match: ${line}`);
    if (lines.length > 0) Deno.exit(1);
    console.log(`version_match: every place has version ${versions.config}`);
  });
}
