import { FLOORS, RESERVED, TEST_HELPERS } from "./floors.ts";
import { folderOf, type Graph } from "./graph.ts";

/** Where a file stands. */
interface Place {
  /** The entry of the floors: the file itself, or its folder. */
  readonly entry: string;
  /** Number of its floor, 0 is the ground. */
  readonly floor: number;
}

/** Imports that do not go down, one line each. */
export function upwardImports(
  graph: Graph,
  floors: readonly (readonly string[])[] = FLOORS,
): string[] {
  const problems: string[] = [];
  for (const [file, targets] of graph) {
    const from = placeOf(file, floors);
    if (from === undefined) {
      problems.push(`${file}: its folder has no floor; add it to scripts/floors/floors.ts`);
      continue;
    }
    for (const target of targets) {
      const reason = whyNot(from, target, floors);
      if (reason !== undefined) problems.push(`${file}: imports ${target}, ${reason}`);
    }
  }
  return problems;
}

/** Imports from a reserved folder by other files than the listed ones, one line each. */
export function reservedImports(
  graph: Graph,
  reserved: Readonly<Record<string, readonly string[]>> = RESERVED,
): string[] {
  return [...graph].flatMap(([file, targets]) =>
    targets.flatMap((target) => {
      const folder = folderOf(target);
      const importers = reserved[folder];
      if (importers === undefined || importers.includes(file) || folderOf(file) === folder) {
        return [];
      }
      return [`${file}: imports ${target}, but only ${importers.join(", ")} may`];
    })
  );
}

/** Entries of the floors and of the reserved folders that do not exist, one line each. */
export function staleFloors(
  files: readonly string[],
  floors: readonly (readonly string[])[] = FLOORS,
  reserved: Readonly<Record<string, readonly string[]>> = RESERVED,
): string[] {
  const known = new Set(files.flatMap((file) => [file, folderOf(file)]));
  return [...new Set([floors, Object.entries(reserved)].flat(3))]
    .filter((entry) => !known.has(entry))
    .map((entry) => `scripts/floors/floors.ts: lists ${entry}, which does not exist`);
}

function placeOf(file: string, floors: readonly (readonly string[])[]): Place | undefined {
  for (const entry of [file, folderOf(file)]) {
    const floor = floors.findIndex((entries) => entries.includes(entry));
    if (floor >= 0) return { entry, floor };
  }
  return undefined;
}

/** Why a file may not import another one; `undefined` if it may. */
function whyNot(
  from: Place,
  target: string,
  floors: readonly (readonly string[])[],
): string | undefined {
  if (target.startsWith("test/")) {
    const allowed = from.entry.startsWith("scripts") && target.startsWith(TEST_HELPERS);
    return allowed ? undefined : `but only scripts import from tests, and only ${TEST_HELPERS}`;
  }
  const to = placeOf(target, floors);
  if (to === undefined) return "which has no floor";
  if (to.entry === from.entry || to.floor < from.floor) return undefined;
  return `but ${to.entry} is not below ${from.entry}`;
}
