import { assert, assertEquals } from "@std/assert";

/** The numbers of the connections that have a line of a type, in order. */
export function idsOf(lines: readonly string[], type: "start" | "end"): number[] {
  return lines.filter((line) => line.includes(`type=${type} `) || line.includes(`"type":"${type}"`))
    .map((line) => Number(/\bid"?[=:](\d+)/.exec(line)?.[1])).sort((a, b) => a - b);
}

/** Fails unless connections 1 to the last one have exactly one line each. */
export function assertComplete(ids: readonly number[], atLeast: number): void {
  const found = new Set(ids);
  const missing = Array.from({ length: ids.at(-1) ?? 0 }, (_, i) => i + 1)
    .filter((id) => !found.has(id));
  assertEquals(missing.slice(0, 5), [], `${missing.length} connections are missing in the log`);
  assertEquals(found.size, ids.length, "connections that are logged twice");
  assert(ids.length >= atLeast, `${ids.length} of ${atLeast} connections are logged`);
}
