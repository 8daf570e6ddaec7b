/** Log files of tests and their lines. */

import { until } from "../t.ts";

/** The complete lines of a file so far; none if it does not exist yet. */
export function linesOf(path: string): string[] {
  try {
    return Deno.readTextFileSync(path).split("\n").slice(0, -1);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

/** Waits until a file has at least this many lines. @returns All of them. */
export async function waitForLines(path: string, count: number): Promise<string[]> {
  await until(() => linesOf(path).length >= count, {
    what: () => `${count} lines instead of ${linesOf(path).length} in ${path}`,
  });
  return linesOf(path);
}
