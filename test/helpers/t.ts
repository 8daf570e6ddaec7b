/**
 * The base of every test file: tests with leak sanitizers, skipped tests with a reason, bounded
 * waiting, and looking up programs.
 *
 * @module
 */
import { runningTime } from "./running_time.ts";

/** Options of {@linkcode t}; anything absent is Deno's default. */
export interface TestOptions {
  /** Permissions of the test, `"none"` for pure functions. */
  permissions?: Deno.PermissionOptions;
}

/**
 * Registers a test with the sanitizers for operations, resources and exit enabled (since Deno 2.8
 * they are off by default).
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
    fn: (context) => withEveryError(() => fn(context)),
    ...options,
    sanitizeOps: true,
    sanitizeResources: true,
    sanitizeExit: true,
  });
}

/** Deno's report shows neither error of a `SuppressedError`; this rethrows both. */
async function withEveryError(run: () => void | Promise<void>): Promise<void> {
  try {
    await run();
  } catch (error) {
    if (!(error instanceof SuppressedError)) throw error;
    throw new AggregateError([error.suppressed, error.error], "the test and its cleanup failed");
  }
}

/**
 * Registers a test that cannot run here. The reason is part of the name, so that the report shows
 * it even with `--quiet`, which swallows what tests print: `skipped: NAME: REASON ... ignored`.
 *
 * @param reason What is missing, e.g. `"nginx is not installed"`.
 */
export function skip(name: string, reason: string): void {
  Deno.test({ name: `skipped: ${name}: ${reason}`, ignore: true, fn() {} });
}

/** Registers a test that needs some programs; skips it with a reason if one is not installed. */
export function withTools(names: readonly string[], name: string, fn: () => Promise<void>): void {
  const missing = names.find((each) => tool(each) === undefined);
  if (missing === undefined) t(name, fn);
  else skip(name, `${missing} is not installed`);
}

type Falsy = undefined | null | false | 0 | "";

/** Options of {@linkcode until}. */
export interface UntilOptions {
  /** Time limit in milliseconds of `runningTime()`. @default {5000} */
  timeoutMs?: number;
  /** Milliseconds between two polls. @default {5} */
  everyMs?: number;
  /** What is waited for, for the error message. @default {"a condition"} */
  what?: string | (() => string);
}

/**
 * Polls until the condition holds. Tests wait with this, never with a sleep, for something that no
 * event announces.
 *
 * @returns The first result that is neither `undefined`, `null`, `false`, `0` nor `""`.
 * @throws {Error} If the condition does not hold in time.
 */
export async function until<T>(
  condition: () => T | Promise<T>,
  options: UntilOptions = {},
): Promise<Exclude<T, Falsy>> {
  const { timeoutMs = 5000, everyMs = 5, what = "a condition" } = options;
  using time = runningTime();
  for (;;) {
    const result = await condition();
    if (result) return result as Exclude<T, Falsy>;
    if (time.ms > timeoutMs) {
      throw new Error(
        `Waited ${timeoutMs} ms in vain for ${typeof what === "string" ? what : what()}`,
      );
    }
    await sleep(everyMs);
  }
}

/** Sleeps, to pace traffic. To wait for something use {@linkcode until}. */
export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/**
 * Polls until a value stands still, for example the number of bytes that a stalled reader lets
 * through.
 *
 * It must be unchanged at many consecutive looks, each in its own turn of the event loop. A single
 * long pause would not do: on a busy machine the process may not run at all during it.
 *
 * @param look Returns the value. 0 and `""` never count: nothing has happened yet.
 * @param options `looks`: how many consecutive equal ones.
 * @returns The value.
 * @throws {Error} If it does not stand still in time.
 */
export async function untilStill<T extends number | string>(
  look: () => T | Promise<T>,
  options: { looks?: number; everyMs?: number; timeoutMs?: number; what: string },
): Promise<T> {
  const { looks = 20, everyMs = 10, timeoutMs = 20_000, what } = options;
  let last: T | undefined, same = 0;
  await until(async () => {
    const now = await look();
    same = now === last && now ? same + 1 : 0;
    last = now;
    return same >= looks;
  }, { everyMs, timeoutMs, what: () => `${what}, at ${last}` });
  return last!;
}

/**
 * Bounds a promise in time, so that a test fails with a message instead of hanging.
 *
 * @param options `timeoutMs`, of `runningTime()`; `what` is waited for; `onTimeout` frees what the promise holds
 * (closing a connection ends its pending read).
 * @throws {Error} If the promise is not settled in time.
 */
export async function within<T>(
  promise: Promise<T>,
  options: { timeoutMs: number; what: string; onTimeout?: () => void },
): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  using _time = runningTime((ms) => {
    if (ms < options.timeoutMs) return;
    reject(new Error(`Waited ${options.timeoutMs} ms in vain for ${options.what}`));
    options.onTimeout?.();
  });
  return await Promise.race([later(promise), late]);
}

/**
 * Marks a promise that the test awaits later. If the test fails before that, a rejection of the
 * promise is not reported as a second, uncaught error that ends the whole file.
 */
export function later<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  return promise;
}

/**
 * Looks up a program on PATH and in the two `sbin` directories that a user's PATH often lacks.
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
