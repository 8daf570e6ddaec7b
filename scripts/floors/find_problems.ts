import { circles } from "./circles.ts";
import { reservedImports, staleFloors, upwardImports } from "./directions.ts";
import { foreignModules } from "./extensions.ts";
import { crowdedFolders, mapProblems } from "./folders.ts";
import type { Graph } from "./graph.ts";
import { firstComment, longParts } from "./lengths.ts";
import { unreachedFiles } from "./unreached.ts";

/** The entries of the program; everything in `lib/` is reached from them. */
export const ENTRIES: readonly string[] = ["main.ts", "lib/workers/worker.ts"];

/** What is checked. */
export interface Sources {
  /** Imports of every source file in `lib/`, `scripts/` and `main.ts`. */
  readonly graph: Graph;
  /** The text of every source file, also of those that import nothing, such as C. */
  readonly texts: ReadonlyMap<string, string>;
}

/** All problems, one line each: the file, what is wrong, and why. */
export function findProblems({ graph, texts }: Sources): string[] {
  const files = [...texts.keys()];
  return [
    ...upwardImports(graph),
    ...reservedImports(graph),
    ...staleFloors(files),
    ...circles(graph),
    ...unreachedFiles(graph, ENTRIES),
    ...foreignModules(files),
    ...crowdedFolders(files),
    ...mapProblems(firstComment(texts.get("main.ts") ?? ""), files),
    ...[...texts].flatMap(([file, text]) => longParts(file, text)),
  ];
}
