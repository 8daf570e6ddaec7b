/**
 * `deno run -A scripts/check_floors.ts`: checks the layout of `lib/`, `scripts/` and `main.ts`.
 *
 * - Imports of values and types go one way: from a folder to a lower floor, see `floors/floors.ts`.
 * - Only the listed files import from a reserved folder, see there.
 * - No circles of imports, and no dead files in `lib/`.
 * - Every module is a `.ts` file.
 * - At most 15 source files in a folder, 300 lines in a file, 80 in a function.
 * - `main.ts` starts with a map of `lib/`: one line for each folder, bottom up.
 *
 * Prints one line for each problem and exits with 1 if there is any.
 *
 * @module
 */
import { findProblems } from "./floors/find_problems.ts";
import { readSources } from "./floors/read_sources.ts";
import { runScript } from "./system/script_error.ts";

if (import.meta.main) {
  await runScript("check_floors", async () => {
    const sources = await readSources(new URL("..", import.meta.url));
    const problems = findProblems(sources);
    for (const problem of problems) console.error(problem);
    if (problems.length > 0) Deno.exit(1);
    console.log(`check_floors: ${sources.graph.size} files, no problems`);
  });
}
