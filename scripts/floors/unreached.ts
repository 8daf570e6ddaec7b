import type { Graph } from "./graph.ts";

/** Files of `lib/` that no entry reaches, one line each. */
export function unreachedFiles(graph: Graph, entries: readonly string[]): string[] {
  const reached = new Set(entries);
  for (const file of reached) graph.get(file)?.forEach((target) => reached.add(target));
  const verb = entries.length === 1 ? "does" : "do";
  return [...graph.keys()]
    .filter((file) => file.startsWith("lib/") && !reached.has(file))
    .map((file) => `${file}: dead, ${entries.join(" and ")} ${verb} not reach it`);
}
