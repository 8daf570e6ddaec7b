import { FLOORS } from "./floors.ts";
import { folderOf } from "./graph.ts";

/** Maximum number of source files in one folder. */
export const MAX_FILES = 15;

/** Folders with too many source files, one line each. */
export function crowdedFolders(files: readonly string[]): string[] {
  return [...Map.groupBy(files, folderOf)]
    .filter(([, { length }]) => length > MAX_FILES)
    .map(([folder, { length }]) => `${folder}: ${length} source files, at most ${MAX_FILES}`);
}

/**
 * Folders of `lib/` that the map in `main.ts` does not list, and lines of the map for folders that
 * do not exist, that are listed twice, or that come after a folder of a higher floor. A line of the
 * map starts with the folder, as in "- `lib/base/`: what it holds".
 *
 * @param comment The first comment of `main.ts`.
 * @param files All source files.
 */
export function mapProblems(
  comment: string,
  files: readonly string[],
  floors: readonly (readonly string[])[] = FLOORS,
): string[] {
  const folders = new Set(files.map(folderOf).filter((folder) => folder.startsWith("lib/")));
  const listed = [...comment.matchAll(/^[ *]*- `(lib\/[^`]+?)\/?`:/gm)].map(([, name = ""]) =>
    name
  );
  const floorOf = (folder: string) => floors.findIndex((entries) => entries.includes(folder));
  return [
    ...[...folders].filter((folder) => !listed.includes(folder))
      .map((folder) => `main.ts: its map lacks a line for ${folder}/`),
    ...listed.filter((folder) => !folders.has(folder))
      .map((folder) => `main.ts: its map lists ${folder}/, which does not exist`),
    ...listed.filter((folder, index) => listed.indexOf(folder) < index)
      .map((folder) => `main.ts: its map lists ${folder}/ twice`),
    ...listed.flatMap((folder, index) => {
      const before = listed[index - 1];
      if (before === undefined || !folders.has(folder)) return [];
      if (floorOf(before) <= floorOf(folder)) return [];
      return [`main.ts: its map lists ${folder}/ after ${before}/, which has a higher floor`];
    }),
  ];
}
