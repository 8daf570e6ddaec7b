/**
 * `deno task install [--root FOLDER]`: installs `balance` as a command of this user with `deno
 * install --global`. It runs from this source with the least permissions; Deno must be on PATH.
 *
 * @module
 */
import { MEMORY_FLAGS, permissionFlags } from "../../lib/system/permissions.ts";

if (import.meta.main) {
  const root = await Deno.realPath(`${import.meta.dirname}/../..`);
  const { code } = await new Deno.Command(Deno.execPath(), {
    args: [
      "install",
      "--global",
      "--force",
      "--name=balance",
      `--config=${root}/deno.json`,
      MEMORY_FLAGS,
      ...permissionFlags(),
      ...Deno.args,
      `${root}/main.ts`,
    ],
    stdin: "null",
  }).spawn().status;
  Deno.exit(code);
}
