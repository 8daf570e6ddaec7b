/** How a program is started: what to execute, and the arguments that come before its own. */
export interface Program {
  /** Path of the executable. */
  command: string;
  /** Arguments before those of the program itself. */
  args: string[];
}

const ROOT = new URL("../../../", import.meta.url).pathname;

interface Config {
  version: string;
  tasks: Record<string, string | { command: string }>;
}

/** @returns The project's `deno.json`. */
export function config(): Config {
  return JSON.parse(Deno.readTextFileSync(`${ROOT}deno.json`));
}

/** How many threads the program under test serves with: 1, or BALANCE_TEST_WORKERS. */
export const WORKERS = Number(Deno.env.get("BALANCE_TEST_WORKERS") || 1);

/**
 * Tells how this very Deno runs a module as the task `balance` runs `main.ts`.
 *
 * @param options `cachedOnly` (default false) forbids fetching modules.
 */
export function sourceFlags(options: { cachedOnly?: boolean } = {}): string[] {
  const task = config().tasks.balance;
  const words = (typeof task === "string" ? task : task?.command ?? "").split(/\s+/);
  const flags = words.slice(words.indexOf("run") + 1, words.indexOf("main.ts"));
  const added = ["--quiet", `--config=${ROOT}deno.json`];
  if (options.cachedOnly) added.push("--cached-only");
  // Deno takes no flag twice.
  return [...new Set(["run", ...added, ...flags])];
}

/**
 * Tells how to start the program under test.
 *
 * It is the executable that the environment variable BALANCE_BIN names (a compiled binary, or a
 * script that ends in `exec`), else `main.ts` from source, run by this very Deno with the
 * permissions of the task `balance`. BALANCE_TEST_WORKERS makes it serve with so many threads.
 *
 * @param options `cachedOnly` (default false) forbids fetching modules, which keeps the network out
 * of tests; leave it off where nothing has filled the cache yet.
 */
export function program(options: { cachedOnly?: boolean } = {}): Program {
  const binary = Deno.env.get("BALANCE_BIN");
  const own = WORKERS > 1 ? [`--workers=${WORKERS}`] : [];
  if (binary) return { command: Deno.realPathSync(binary), args: own };
  return { command: Deno.execPath(), args: [...sourceFlags(options), `${ROOT}main.ts`, ...own] };
}
