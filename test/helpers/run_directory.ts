import type { RunDirectory } from "../../lib/system/run_directory.ts";
import { tempDir } from "./temp_dir.ts";

/**
 * Makes a temporary run directory, removed at the end of its scope.
 *
 * @param mode Its mode.
 */
export function runDirectory(mode = 0o700): RunDirectory & Disposable {
  const directory = tempDir();
  Deno.chmodSync(directory.path, mode);
  return { ...directory, mode: 0o700, explicit: true };
}
