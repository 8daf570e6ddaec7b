import type { RunDirectory } from "../../lib/system/run_directory.ts";

/** A new run directory of a test, removed at the end of its scope. */
export function folder(mode = 0o700): RunDirectory & Disposable {
  const path = Deno.makeTempDirSync({ prefix: "balance-test-" });
  Deno.chmodSync(path, mode);
  return {
    path,
    mode: 0o700,
    explicit: true,
    [Symbol.dispose]: () => Deno.removeSync(path, { recursive: true }),
  };
}
