/** Whether a path exists. */
export async function exists(path: string | URL): Promise<boolean> {
  return await unlessMissing(Deno.stat(path)) !== undefined;
}

/** The text of a file; `undefined` if it does not exist. */
export async function readTextIfExists(path: string | URL): Promise<string | undefined> {
  return await unlessMissing(Deno.readTextFile(path));
}

/** The bytes of a file; `undefined` if it does not exist. */
export async function readIfExists(
  path: string | URL,
): Promise<Uint8Array<ArrayBuffer> | undefined> {
  return await unlessMissing(Deno.readFile(path));
}

async function unlessMissing<T>(reading: Promise<T>): Promise<T | undefined> {
  try {
    return await reading;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
