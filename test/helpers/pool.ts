/**
 * Runs all of many short cases of one test concurrently, and reports every failure.
 *
 * @param items The cases.
 * @param options `limit`: how many run at a time; `name`: of a case, for the error message.
 * @param run Runs one case.
 * @throws {Error} With every failure, after all cases have run.
 */
export async function pool<T>(
  items: readonly T[],
  options: { limit: number; name: (item: T) => string },
  run: (item: T) => Promise<void>,
): Promise<void> {
  const failures: string[] = [];
  const waiting = items.values();
  async function work(): Promise<void> {
    for (const item of waiting) {
      try {
        await run(item);
      } catch (error) {
        failures.push(`${options.name(item)}: ${explain(error)}`);
      }
    }
  }
  await Promise.all(Array.from({ length: options.limit }, work));
  if (failures.length > 0) {
    throw new Error(`${failures.length} of ${items.length} fail\n\n${failures.join("\n\n")}`);
  }
}

/** The message of an error and its line in a test. */
function explain(error: unknown): string {
  if (error instanceof SuppressedError) {
    return `${explain(error.suppressed)}\n  and then ${explain(error.error)}`;
  }
  if (!(error instanceof Error)) return String(error);
  const place = error.stack?.split("\n").find((line) => /_test\.ts:\d/.test(line))?.trim() ?? "";
  return `${error.message}\n  ${place}`;
}
