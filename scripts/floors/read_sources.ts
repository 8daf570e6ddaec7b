import { run } from "../system/command.ts";
import { ScriptError } from "../system/script_error.ts";
import { isModule, isSource } from "./extensions.ts";
import { ENTRIES, type Sources } from "./find_problems.ts";

/** Time limit for one `deno info`, in milliseconds. */
const INFO_MS = 60_000;

/** The output of `deno info --json`, as far as it is used. */
interface Info {
  modules: {
    specifier: string;
    error?: string;
    dependencies?: { code?: Resolved; type?: Resolved }[];
  }[];
}

/** `code` is an import of values, `type` one of types only. */
interface Resolved {
  specifier?: string;
}

/**
 * Reads the source files of a project and what they import.
 *
 * @param root The project's folder, as a `file:` URL with a slash at its end.
 * @throws {ScriptError} if an import cannot be resolved.
 */
export async function readSources(root: URL): Promise<Sources> {
  const texts = new Map<string, string>();
  for (const file of ["main.ts", ...list(root, "lib"), ...list(root, "scripts")]) {
    texts.set(file, await Deno.readTextFile(new URL(file, root)));
  }
  const graph = new Map<string, readonly string[]>();
  for (const file of [...ENTRIES, ...texts.keys()]) {
    if (graph.has(file) || !isModule(file)) continue;
    for (const [importer, targets] of await importsFrom(root, file)) {
      if (texts.has(importer)) graph.set(importer, targets);
    }
  }
  return { graph, texts };
}

/** The source files below a folder. */
function list(root: URL, folder: string): string[] {
  return [...Deno.readDirSync(new URL(folder, root))].flatMap(({ name, isDirectory }) => {
    const path = `${folder}/${name}`;
    if (isDirectory) return list(root, path);
    return isSource(path) ? [path] : [];
  });
}

/** The imports of a file and of everything it imports. */
async function importsFrom(root: URL, file: string): Promise<Map<string, string[]>> {
  const { code, stdout, stderr } = await run([Deno.execPath(), "info", "--json", file], {
    cwd: root,
    limit: INFO_MS,
  });
  if (code !== 0) throw new ScriptError(`Cannot read the imports of [${file}]: ${stderr}`);
  return importsOf(new TextDecoder().decode(stdout), root);
}

/**
 * The imports of every module of the project in the output of `deno info --json`. Modules from
 * elsewhere and data files are left out.
 *
 * @throws {ScriptError} if an import cannot be resolved.
 */
export function importsOf(json: string, root: URL): Map<string, string[]> {
  const info: Info = JSON.parse(json);
  const imports = new Map<string, string[]>();
  for (const { specifier, error, dependencies = [] } of info.modules) {
    if (error !== undefined) throw new ScriptError(error);
    const file = localPath(specifier, root);
    if (file === undefined) continue;
    const targets = dependencies.flatMap(({ code, type }) => [code, type])
      .map((resolved) => localPath(resolved?.specifier ?? "", root))
      .filter((target) => target !== undefined);
    imports.set(file, [...new Set(targets)]);
  }
  return imports;
}

/** Path of a module of this project from its root; `undefined` for every other specifier. */
function localPath(specifier: string, root: URL): string | undefined {
  if (!specifier.startsWith(root.href) || !isModule(specifier)) return undefined;
  return specifier.slice(root.href.length);
}
