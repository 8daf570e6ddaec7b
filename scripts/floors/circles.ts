import type { Graph } from "./graph.ts";

/** Circles of imports, one line for each import that closes one. */
export function circles(graph: Graph): string[] {
  const problems: string[] = [];
  const done = new Set<string>();
  const path: string[] = [];
  const visit = (file: string) => {
    if (done.has(file)) return;
    const at = path.indexOf(file);
    if (at >= 0) {
      problems.push(
        `${file}: imports itself in a circle: ${[...path.slice(at), file].join(" -> ")}`,
      );
      return;
    }
    path.push(file);
    graph.get(file)?.forEach(visit);
    path.pop();
    done.add(file);
  };
  [...graph.keys()].forEach(visit);
  return problems;
}
