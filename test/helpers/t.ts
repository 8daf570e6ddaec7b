/**
 * What every test file starts with: a test with the leak sanitizers on, a skipped test that says
 * why, waiting by polling with a bound, and looking up programs.
 *
 * @module
 */

/** Options of {@linkcode t}; what is absent is Deno's default. */
export interface TestOptions {
  /** Permissions of the test, `"none"` for pure functions. */
  permissions?: Deno.PermissionOptions;
}

/**
 * Registers a test with the sanitizers for operations, resources and exit switched on (from Deno
 * 2.8 they are off unless asked for).
 *
 * @param name A sentence: the symbol or the program, and what it does.
 */
export function t(
  name: string,
  fn: (context: Deno.TestContext) => void | Promise<void>,
  options: TestOptions = {},
): void {
  Deno.test({
    name,
    fn: (context) => toldInFull(() => fn(context)),
    ...options,
    sanitizeOps: true,
    sanitizeResources: true,
    sanitizeExit: true,
  });
}

/** Where cleaning up fails as well, the runtime's report would show neither of the two errors. */
async function toldInFull(run: () => void | Promise<void>): Promise<void> {
  try {
    await run();
  } catch (error) {
    if (!(error instanceof SuppressedError)) throw error;
    throw new AggregateError([error.suppressed, error.error], "the test and its cleaning up fail");
  }
}

/**
 * Registers a test that cannot run here; its name in the report says why, also with `--quiet`,
 * which swallows what tests print: `skipped: NAME: REASON ... ignored`.
 *
 * @param reason What is missing, e.g. `"nginx is not installed"`.
 */
export function skip(name: string, reason: string): void {
  Deno.test({ name: `skipped: ${name}: ${reason}`, ignore: true, fn() {} });
}

type Falsy = undefined | null | false | 0 | "";

/** Options of {@linkcode until}. */
export interface UntilOptions {
  /** Upper bound in milliseconds. @default {5000} */
  timeoutMs?: number;
  /** Pause between two looks in milliseconds. @default {5} */
  everyMs?: number;
  /** What is waited for, for the error text. @default {"a condition"} */
  what?: string | (() => string);
}

/**
 * Looks again and again until the condition holds. This, not a sleep, is how tests wait for
 * something that no event announces.
 *
 * @returns The first result that is neither `undefined`, `null`, `false`, `0` nor `""`.
 * @throws {Error} If the condition does not hold in time.
 */
export async function until<T>(
  condition: () => T | Promise<T>,
  options: UntilOptions = {},
): Promise<Exclude<T, Falsy>> {
  const { timeoutMs = 5000, everyMs = 5, what = "a condition" } = options;
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const result = await condition();
    if (result) return result as Exclude<T, Falsy>;
    if (performance.now() > deadline) {
      throw new Error(
        `Waited ${timeoutMs} ms in vain for ${typeof what === "string" ? what : what()}`,
      );
    }
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}

/**
 * Bounds a promise in time, so that a test fails with a sentence instead of hanging.
 *
 * @param options `timeoutMs` and `what` is waited for; `onTimeout` frees what the promise holds
 * (closing a connection ends its pending read).
 * @throws {Error} If the promise is not settled in time.
 */
export async function within<T>(
  promise: Promise<T>,
  options: { timeoutMs: number; what: string; onTimeout?: () => void },
): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new Error(`Waited ${options.timeoutMs} ms in vain for ${options.what}`));
      options.onTimeout?.();
    }, options.timeoutMs);
  });
  try {
    return await Promise.race([later(promise), late]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Marks a promise that the test awaits later: if something fails before, its own failure is not
 * one more that ends the whole file.
 */
export function later<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  return promise;
}

/**
 * Looks a program up on PATH and in the two `sbin` folders that a user's PATH often lacks.
 *
 * @returns Its path, or `undefined` if it is not installed.
 */
export function tool(name: string): string | undefined {
  const folders = [...(Deno.env.get("PATH") ?? "").split(":"), "/usr/sbin", "/sbin"];
  return folders.filter((folder) => folder !== "").map((folder) => `${folder}/${name}`)
    .find((path) => {
      try {
        const info = Deno.statSync(path);
        return info.isFile && ((info.mode ?? 0) & 0o111) !== 0;
      } catch {
        return false;
      }
    });
}
