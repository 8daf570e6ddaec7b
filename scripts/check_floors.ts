/**
 * Proves that imports go one way: a file may import from its own folder and from folders on a
 * lower floor, nothing else, and never in a circle. A folder without a floor fails the gate.
 */

/** Folders of `lib/` from the ground up; `main.ts` stands above them all. */
const FLOORS: readonly (readonly string[])[] = [
  ["types"],
  ["base"],
  ["address"],
  ["table", "dump", "engine"],
  ["cli", "connection"],
  ["report"],
  ["control"],
  ["process"],
];

/** Entries from which everything is reached. */
const ENTRIES = ["main.ts", "lib/workers/worker.ts"];

interface Info {
  modules: { specifier: string; dependencies?: { code?: { specifier?: string } }[] }[];
}

const root = new URL("..", import.meta.url);
const problems: string[] = [];
const imports = new Map<string, readonly string[]>();
for (const entry of ENTRIES) {
  if (exists(new URL(entry, root))) await collect(entry);
}
for (const [file, targets] of imports) targets.forEach((target) => checkImport(file, target));
checkCircles();
await checkUnreached();

problems.forEach((problem) => console.error(problem));
if (problems.length === 0) console.log(`floors: ${imports.size} files, all imports go down`);
Deno.exit(problems.length === 0 ? 0 : 1);

/** Floor of a file by its folder; `undefined` if it has none. */
function floor(file: string): number | undefined {
  if (file === "main.ts") return FLOORS.length;
  const folder = /^lib\/([^/]+)\//.exec(file)?.[1];
  const found = FLOORS.findIndex((folders) => folder !== undefined && folders.includes(folder));
  return found < 0 ? undefined : found;
}

function checkImport(file: string, target: string): void {
  const from = floor(file), to = floor(target);
  if (from === undefined) problems.push(`${file}: its folder has no floor in check_floors.ts`);
  else if (to === undefined) problems.push(`${file}: imports ${target}, which has no floor`);
  else if (dirname(file) !== dirname(target) && to >= from) {
    problems.push(`${file}: imports ${target}, which is not below it`);
  }
}

async function collect(entry: string): Promise<void> {
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", entry],
    cwd: root,
    stderr: "null",
  }).output();
  const info: Info = JSON.parse(new TextDecoder().decode(stdout));
  for (const { specifier, dependencies } of info.modules) {
    const file = local(specifier);
    if (file === undefined) continue;
    const targets = (dependencies ?? []).map((d) => local(d.code?.specifier ?? ""));
    imports.set(file, targets.filter((target) => target !== undefined));
  }
}

/** Path below the root of a source file of ours; `undefined` for everything else. */
function local(specifier: string): string | undefined {
  if (!specifier.startsWith(root.href) || !specifier.endsWith(".ts")) return undefined;
  return specifier.slice(root.href.length);
}

function checkCircles(): void {
  const done = new Set<string>();
  const path: string[] = [];
  const visit = (file: string) => {
    if (done.has(file)) return;
    const at = path.indexOf(file);
    if (at >= 0) {
      problems.push(`circle: ${[...path.slice(at), file].join(" -> ")}`);
      return;
    }
    path.push(file);
    imports.get(file)?.forEach(visit);
    path.pop();
    done.add(file);
  };
  [...imports.keys()].forEach(visit);
}

/** Files of `lib/` that nothing reaches are dead, or an entry that is missing above. */
async function checkUnreached(): Promise<void> {
  for await (const file of sources("lib")) {
    if (!imports.has(file)) problems.push(`${file}: nothing reaches it`);
  }
}

async function* sources(folder: string): AsyncGenerator<string> {
  for await (const entry of Deno.readDir(new URL(folder, root))) {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory) yield* sources(path);
    else if (path.endsWith(".ts") && !path.endsWith(".d.ts")) yield path;
  }
}

function dirname(file: string): string {
  return file.slice(0, file.lastIndexOf("/") + 1);
}

function exists(url: URL): boolean {
  try {
    return Deno.statSync(url).isFile;
  } catch {
    return false;
  }
}
