import { CompileError } from "./error.ts";
import { denoEnv, run } from "./run.ts";

/**
 * Modification time of everything that is embedded. The file table of an executable holds these
 * times, so they are the same everywhere; the user's own files keep theirs, since only copies are
 * touched.
 */
export const FIXED_TIME = new Date("2000-01-01T00:00:00Z");

/** What the program is made of, relative to the project's folder. */
export const SOURCES: readonly string[] = ["main.ts", "deno.json", "deno.lock", "lib"];

/** Entry point of the workers, embedded besides `main.ts` if it exists. */
export const WORKER = "lib/workers/worker.ts";

/** A copy of the project in which the executable is made. */
export interface Stage {
  /** Folder of the copied sources. */
  project: string;
  /** Deno's cache for this build only. */
  denoDir: string;
  /** Entry points, absolute: `main.ts`, then the worker if there is one. */
  entries: string[];
  /** Whether there is a lock file, which then must be up to date. */
  locked: boolean;
}

/**
 * Copies the sources of a project, and the packages they need, to a folder, and fixes the
 * modification times of the copies. Packages come from the user's cache of Deno or the registry;
 * the folder `dl` with Deno's downloaded stubs is shared with the user's cache.
 *
 * @param folder An empty folder, owned and removed by the caller.
 * @throws {CompileError} if there is no `main.ts` or a package cannot be had.
 */
export async function makeStage(root: string, folder: string): Promise<Stage> {
  const project = `${folder}/project`;
  const denoDir = `${folder}/deno`;
  await Deno.mkdir(project);
  await Deno.mkdir(denoDir);
  for (const name of SOURCES) {
    if (await exists(`${root}/${name}`)) await copy(`${root}/${name}`, `${project}/${name}`);
  }
  if (!await exists(`${project}/main.ts`)) {
    throw new CompileError(`Cannot compile [${root}/main.ts]: not found`);
  }
  const entries = [`${project}/main.ts`];
  if (await exists(`${project}/${WORKER}`)) entries.push(`${project}/${WORKER}`);
  const locked = await exists(`${project}/deno.lock`);
  await seedCache(denoDir, locked ? `${project}/deno.lock` : undefined);
  const fetched = await run([
    Deno.execPath(),
    "cache",
    "--quiet",
    ...(locked ? ["--frozen"] : []),
    ...entries,
  ], { cwd: project, env: denoEnv({ DENO_DIR: denoDir }), limit: 300_000 });
  if (fetched.code !== 0) {
    throw new CompileError(`Cannot load the program: ${denoError(fetched.stderr, folder)}`);
  }
  await fixTimes(project);
  if (await exists(`${denoDir}/npm`)) await fixTimes(`${denoDir}/npm`);
  return { project, denoDir, entries, locked };
}

/**
 * What Deno complains about, as one line: from "error:" to the next empty line, without colours and
 * without the name of the folder that the build happens in.
 */
export function denoError(stderr: string, folder: string): string {
  const lines = stderr.split("\n").map((line) => line.trim());
  const start = lines.findIndex((line) => /^error\b/i.test(line));
  const rest = lines.slice(Math.max(0, start));
  const end = rest.findIndex((line) => line === "" || line === "Stack backtrace:");
  return rest.slice(0, end < 0 ? undefined : end).join(" ")
    .replace(/^error:?\s*/i, "").replaceAll(`file://${folder}/project/`, "")
    .replaceAll(`${folder}/project/`, "") || "no reason given";
}

/** Gives every file below a folder the same modification time. */
async function fixTimes(folder: string): Promise<void> {
  for await (const entry of Deno.readDir(folder)) {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory) await fixTimes(path);
    else if (entry.isFile) await Deno.utime(path, FIXED_TIME, FIXED_TIME);
  }
}

/** Copies a file, or a folder with all that is in it; links are followed. */
async function copy(from: string, to: string): Promise<void> {
  const { isDirectory } = await Deno.stat(from);
  if (isDirectory) {
    await Deno.mkdir(to, { recursive: true });
    for await (const entry of Deno.readDir(from)) {
      await copy(`${from}/${entry.name}`, `${to}/${entry.name}`);
    }
    return;
  }
  await Deno.writeFile(to, await Deno.readFile(from));
  await Deno.chmod(to, 0o644);
}

/**
 * Fills a new cache of Deno from the user's one, so that a build needs no network where none is
 * needed: copies of the packages that the lock file names, and the folder of stubs as a link.
 */
async function seedCache(denoDir: string, lock: string | undefined): Promise<void> {
  const info = await run([Deno.execPath(), "info", "--json", "--no-config"], { limit: 60_000 });
  if (info.code !== 0) return; // nothing is lost but time
  const known: { denoDir?: unknown } = JSON.parse(new TextDecoder().decode(info.stdout));
  if (typeof known.denoDir !== "string") return;
  try {
    await Deno.mkdir(`${known.denoDir}/dl`, { recursive: true });
    await Deno.symlink(`${known.denoDir}/dl`, `${denoDir}/dl`);
  } catch { /* a cache that cannot be written to: a download then serves this build only */ }
  if (lock === undefined || !await exists(`${known.denoDir}/npm`)) return;
  const { npm = {} }: { npm?: Record<string, unknown> } = JSON.parse(await Deno.readTextFile(lock));
  for await (const host of Deno.readDir(`${known.denoDir}/npm`)) {
    for (const key of Object.keys(npm)) {
      const [, name, version] = /^(@?[^@]+)@([^_]+)/.exec(key) ?? [];
      if (name === undefined || version === undefined) continue;
      for (const part of [`${name}/registry.json`, `${name}/${version}`]) {
        const from = `${known.denoDir}/npm/${host.name}/${part}`;
        const to = `${denoDir}/npm/${host.name}/${part}`;
        if (!await exists(from)) continue;
        await Deno.mkdir(to.slice(0, to.lastIndexOf("/")), { recursive: true });
        await copy(from, to);
      }
    }
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.stat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
