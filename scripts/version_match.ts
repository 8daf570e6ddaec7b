/**
 * `deno run -A scripts/version_match.ts [--tag vX.Y.Z] [--bin FILE]`: proves before a release that
 * every place agrees on the version that `deno.json` has: the git tag, the newest version in
 * CHANGELOG.md, and what the program prints with `--version`. Exit code 1, and one line for each
 * place that does not agree.
 *
 * Without `--tag` the tags of the form vX.Y.Z at HEAD count, if there are any. Without `--bin` it is
 * `$BALANCE_BIN`, else the program is run from its source.
 *
 * @module
 */
import { parseArgs } from "@std/cli/parse-args";
import { CompileError } from "./compile/error.ts";
import { run } from "./compile/run.ts";

/** What the places say; undefined where a place says nothing. */
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
 * The version in the topmost heading of the second level that names one, as in
 * `## [4.0.0] - 2026-01-31`. A heading `[Unreleased]` above it is passed over.
 */
export function changelogVersion(text: string): string | undefined {
  return /^## \[?v?(\d+\.\d+\.\d+[-+.0-9A-Za-z]*)\]?/m.exec(text)?.[1];
}

/** The first thing that looks like a version in what a program prints with `--version`. */
export function printedVersion(text: string): string | undefined {
  return /\b(\d+\.\d+\.\d+[-+.0-9A-Za-z]*)/.exec(text)?.[1];
}

/** One line for each place that does not agree with `deno.json`; none if all do. */
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

/** Asks all places of the project in a folder. */
async function readVersions(root: string, { tag, bin }: Settings): Promise<Versions> {
  const config: { version?: unknown } = JSON.parse(await readText(`${root}/deno.json`) || "{}");
  const source = [Deno.execPath(), "run", "--quiet", "-A", `${root}/main.ts`] as const;
  const program = await run([...(bin === undefined ? source : [bin] as const), "--version"], {
    limit: 120_000,
  });
  const decoder = new TextDecoder();
  return {
    config: typeof config.version === "string" ? config.version : undefined,
    changelog: changelogVersion(await readText(`${root}/CHANGELOG.md`)),
    program: program.code === 0
      ? printedVersion(decoder.decode(program.stdout) + program.stderr)
      : undefined,
    tags: tag === undefined ? await tagsAtHead(root) : [tag],
  };
}

/** Tags vX.Y.Z at HEAD; none where there is no git, no repository or no commit. */
async function tagsAtHead(root: string): Promise<string[]> {
  try {
    const { code, stdout } = await run(["git", "-C", root, "tag", "--points-at", "HEAD"], {
      limit: 30_000,
    });
    const names = code === 0 ? new TextDecoder().decode(stdout).split("\n") : [];
    return names.filter((name) => /^v\d+\.\d+\.\d+/.test(name));
  } catch (error) {
    if (error instanceof CompileError) return [];
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
      throw new CompileError(`Unknown argument [${arg}]; known are --tag vX.Y.Z and --bin FILE`, 2);
    },
  });
  const text = (name: string) => typeof parsed[name] === "string" ? parsed[name] : undefined;
  return { tag: text("tag"), bin: text("bin") ?? (Deno.env.get("BALANCE_BIN") || undefined) };
}

/** The text of a file, empty if there is none. */
async function readText(path: string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "";
    throw error;
  }
}

if (import.meta.main) {
  try {
    const root = await Deno.realPath(`${import.meta.dirname}/..`);
    const versions = await readVersions(root, readSettings(Deno.args));
    const lines = mismatches(versions);
    for (const line of lines) console.error(`version_match: ${line}`);
    if (lines.length > 0) Deno.exit(1);
    console.log(`version_match: everything says ${versions.config}`);
  } catch (error) {
    console.error(`version_match: ${error instanceof Error ? error.message : String(error)}`);
    Deno.exit(error instanceof CompileError ? error.exitCode : 1);
  }
}
