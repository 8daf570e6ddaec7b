import { MEMORY_FLAGS } from "../../lib/system/permissions.ts";

export { permissionFlags } from "../../lib/system/permissions.ts";

/**
 * How `deno compile` is called besides the permissions. No code cache: the executable would write
 * one into the temporary directory, under a name that can be guessed. No type check: that is the
 * matter of `deno task check`. Cached only: what is embedded was fetched, and its times fixed, before.
 */
export const COMPILE_FLAGS: readonly string[] = [
  "--no-code-cache",
  "--no-check",
  "--cached-only",
  MEMORY_FLAGS,
];
