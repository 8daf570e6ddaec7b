/**
 * The source files and what each of them imports, values and types, as paths from the root of the
 * project. Files outside `lib/`, `scripts/` and `main.ts` are only targets.
 */
export type Graph = ReadonlyMap<string, readonly string[]>;

/** The folder of a file, such as "lib/base"; empty for a file in the root. */
export function folderOf(file: string): string {
  return file.slice(0, Math.max(0, file.lastIndexOf("/")));
}
