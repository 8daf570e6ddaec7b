import { denoEnv } from "./deno_env.ts";
import { run } from "../system/command.ts";
import { exists } from "../system/files.ts";
import { ScriptError } from "../system/script_error.ts";

/**
 * Modification time of every embedded file. The file table of an executable contains these times,
 * so they must be the same on every machine. Only copies get this time.
 */
export const FIXED_TIME = new Date("2000-01-01T00:00:00Z");

/** The sources of the program, relative to the project's folder. */
export const SOURCES: readonly string[] = ["main.ts", "deno.json", "deno.lock", "lib"];

/** Entry point of the workers, embedded besides `main.ts` if it exists. */
export const WORKER = "lib/workers/worker.ts";

/** Time limits in milliseconds. */
const INFO_MS = 60_000, FETCH_MS = 300_000;

/** A copy of the project to compile in. */
export interface Stage {
  /** Folder of the copied sources. */
  project: string;
  /** Deno's cache, for this build only. */
  denoDir: string;
  /** Entry points, absolute: `main.ts`, then the worker if it exists. */
  entries: string[];
  /** Whether there is a lock file; it must then be up to date. */
  locked: boolean;
}

/**
 * Copies the sources of a project and the packages they need to a folder, and fixes the modification
 * times of the copies. Packages come from the user's Deno cache or the registry. The cache's folder
 * `dl` with downloaded stubs is shared with the user's cache.
 *
 * @param folder An empty folder, owned and removed by the caller.
 * @throws {ScriptError} if there is no `main.ts` or a package cannot be loaded.
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
    throw new ScriptError(`Cannot compile [${root}/main.ts]: not found`);
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
  ], { cwd: project, env: denoEnv({ DENO_DIR: denoDir }), limit: FETCH_MS });
  if (fetched.code !== 0) {
    throw new ScriptError(`Cannot load the program: ${denoError(fetched.stderr, folder)}`);
  }
  await fixTimes(project);
  if (await exists(`${denoDir}/npm`)) {
    await removeDocuments(`${denoDir}/npm`);
    await fixTimes(`${denoDir}/npm`);
  }
  return { project, denoDir, entries, locked };
}

/**
 * An error message of Deno as one line: from "error:" to the next empty line, without colors and
 * without the name of the build folder.
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

/** Sets the modification time of every file below a folder. */
async function fixTimes(folder: string): Promise<void> {
  for await (const entry of Deno.readDir(folder)) {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory) await fixTimes(path);
    else if (entry.isFile) await Deno.utime(path, FIXED_TIME, FIXED_TIME);
  }
}

/**
 * Removes documents of packages. Deno parses every file of a CommonJS package, and embeds its errors
 * about those that are no code, with the path of this build.
 */
async function removeDocuments(folder: string): Promise<void> {
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const path = `${folder}/${name}`;
    if (/^(\.github|licen[cs]e.*|readme.*|changelog.*|.*\.(md|ya?ml))$/i.test(name)) {
      await Deno.remove(path, { recursive: true });
    } else if (isDirectory) await removeDocuments(path);
  }
}

/** Copies a file, or a folder and everything below it; follows links. */
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
 * Fills a new Deno cache from the user's, so that a build uses the network only if it must: links
 * the folder of stubs and copies the packages in the lock file.
 */
async function seedCache(denoDir: string, lock: string | undefined): Promise<void> {
  const info = await run([Deno.execPath(), "info", "--json", "--no-config"], { limit: INFO_MS });
  if (info.code !== 0) return; // the packages are then downloaded
  const known: { denoDir?: unknown } = JSON.parse(new TextDecoder().decode(info.stdout));
  if (typeof known.denoDir !== "string") return;
  try {
    await Deno.mkdir(`${known.denoDir}/dl`, { recursive: true });
    await Deno.symlink(`${known.denoDir}/dl`, `${denoDir}/dl`);
  } catch { /* the user's cache is read-only: this build downloads for itself */ }
  if (lock !== undefined && await exists(`${known.denoDir}/npm`)) {
    await copyPackages(`${known.denoDir}/npm`, { to: `${denoDir}/npm`, lock });
  }
}

/** Copies the packages in the lock file from one cache to another, for every registry. */
async function copyPackages(
  from: string,
  { to, lock }: { to: string; lock: string },
): Promise<void> {
  const { npm = {} }: { npm?: Record<string, unknown> } = JSON.parse(await Deno.readTextFile(lock));
  for await (const host of Deno.readDir(from)) {
    for (const key of Object.keys(npm)) {
      const [, name, version] = /^(@?[^@]+)@([^_]+)/.exec(key) ?? [];
      if (name === undefined || version === undefined) continue;
      for (const part of [`${name}/registry.json`, `${name}/${version}`]) {
        const source = `${from}/${host.name}/${part}`;
        const copied = `${to}/${host.name}/${part}`;
        if (!await exists(source)) continue;
        await Deno.mkdir(copied.slice(0, copied.lastIndexOf("/")), { recursive: true });
        await copy(source, copied);
      }
    }
  }
}
