/** A command line to which the arguments of balance are appended. */
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

/** How many workers the program under test runs: 1, or BALANCE_TEST_WORKERS. */
export const WORKERS = Number(Deno.env.get("BALANCE_TEST_WORKERS") || 1);

/** The engine of the program under test: the default one, or BALANCE_TEST_ENGINE. */
export const ENGINE: "streams" | "epoll" = Deno.env.get("BALANCE_TEST_ENGINE") === "epoll"
  ? "epoll"
  : "streams";

/** Whether worker isolates serve, so that the program is ready later than it listens. */
export const SERVED_BY_WORKERS = WORKERS > 1 || ENGINE === "epoll";

/**
 * The arguments with which this Deno runs a module as the task `balance` runs `main.ts`.
 *
 * @param options `cachedOnly` (default false) forbids fetching modules.
 */
export function sourceFlags(options: { cachedOnly?: boolean } = {}): string[] {
  const task = config().tasks.balance;
  const words = (typeof task === "string" ? task : task?.command ?? "").split(/\s+/);
  const flags = words.slice(words.indexOf("run") + 1, words.indexOf("main.ts"));
  const added = ["--quiet", `--config=${ROOT}deno.json`];
  if (options.cachedOnly) added.push("--cached-only");
  // Deno rejects repeated flags.
  return [...new Set(["run", ...added, ...flags])];
}

/**
 * The command line of the program under test.
 *
 * It is the executable that the environment variable BALANCE_BIN names (a compiled binary, or a
 * script that ends in `exec`), else `main.ts` from source, run by this Deno with the permissions of
 * the task `balance`. BALANCE_TEST_WORKERS is the number of its workers, BALANCE_TEST_ENGINE its
 * engine; arguments that choose other ones win.
 *
 * @param options `cachedOnly` (default false) forbids fetching modules, so that tests need no
 * network. Leave it off where the cache may be empty. `argv`, the arguments that follow: without
 * any, and with `-c`, `-i` or `--list`, workers and engines make no sense. `main`, another module
 * than `main.ts`, which is always run from source.
 */
export function program(
  options: { cachedOnly?: boolean; argv?: readonly string[]; main?: string | undefined } = {},
): Program {
  const binary = Deno.env.get("BALANCE_BIN");
  const { argv = ["-f"], main } = options;
  const serves = argv.length > 0 && !["-c", "-i", "--list"].some((one) => argv.includes(one));
  const own = [
    ...(serves && WORKERS > 1 ? [`--workers=${WORKERS}`] : []),
    ...(serves && ENGINE !== "streams" ? [`--engine=${ENGINE}`] : []),
  ];
  if (binary && main === undefined) return { command: Deno.realPathSync(binary), args: own };
  return {
    command: Deno.execPath(),
    args: [...sourceFlags(options), main ?? `${ROOT}main.ts`, ...own],
  };
}
