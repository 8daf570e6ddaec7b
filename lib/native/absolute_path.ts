import { EXIT, ExitError, withName } from "../base/errors.ts";

/**
 * A path that does not depend on the working directory.
 *
 * @throws {ExitError} If a relative path is given and the working directory was removed.
 */
export function absolutePath(path: string): string {
  if (path.startsWith("/")) return path;
  let directory: string;
  try {
    directory = Deno.cwd();
  } catch {
    const reason = `can't use [${path}]: the working directory was removed`;
    throw new ExitError(withName(reason), EXIT.canNotCreate);
  }
  return `${directory === "/" ? "" : directory}/${path}`;
}
