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
 * do not exist. A line of the map starts with the folder, as in "- `lib/base/`: what it holds".
 *
 * @param comment The first comment of `main.ts`.
 * @param files All source files.
 */
export function mapProblems(comment: string, files: readonly string[]): string[] {
  const folders = new Set(files.map(folderOf).filter((folder) => folder.startsWith("lib/")));
  const listed = [...comment.matchAll(/^[ *]*- `(lib\/[^`]+?)\/?`:/gm)].map(([, name = ""]) =>
    name
  );
  return [
    ...[...folders].filter((folder) => !listed.includes(folder))
      .map((folder) => `main.ts: its map lacks a line for ${folder}/`),
    ...listed.filter((folder) => !folders.has(folder))
      .map((folder) => `main.ts: its map lists ${folder}/, which does not exist`),
    ...listed.filter((folder, index) => listed.indexOf(folder) < index)
      .map((folder) => `main.ts: its map lists ${folder}/ twice`),
  ];
}
