import { MEMORY_FLAGS } from "../../lib/system/permissions.ts";

/**
 * Options of `deno compile` besides the permissions. No code cache, because the executable would
 * write it into the temporary directory under a predictable name. No type check, because
 * `deno task check` does that. Cached only, because everything to embed was fetched before.
 */
export const COMPILE_FLAGS: readonly string[] = [
  "--no-code-cache",
  "--no-check",
  "--cached-only",
  MEMORY_FLAGS,
];
