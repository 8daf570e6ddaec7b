/** A temporary directory. */
export interface TempDir extends Disposable {
  readonly path: string;
}

/** Makes a temporary directory, removed with its content at the end of its scope. */
export function tempDir(): TempDir {
  const path = Deno.makeTempDirSync({ prefix: "balance-test-" });
  return { path, [Symbol.dispose]: () => Deno.removeSync(path, { recursive: true }) };
}

/** @returns The names in a directory. */
export function namesIn(path: string): string[] {
  return Array.from(Deno.readDirSync(path), ({ name }) => name);
}

/** Whether there is something at a path, even a dangling link. */
export function exists(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch {
    return false;
  }
}
