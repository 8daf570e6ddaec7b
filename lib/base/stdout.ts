/** The file name that means standard output. */
export const STDOUT = "-";
/** The file name that means standard error. */
export const STDERR = "/dev/stderr";

const STDOUT_NAMES = ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"];
const STDERR_NAMES = ["/dev/fd/2", "/proc/self/fd/2"];

/**
 * Replaces the names of `/dev` and `/proc` that mean standard output or standard error by
 * {@link STDOUT} and {@link STDERR}. Deno opens nothing there without `--allow-all`.
 *
 * @param path A file name. Any other is returned unchanged.
 */
export function withoutStreamAlias(path: string): string {
  if (STDOUT_NAMES.includes(path)) return STDOUT;
  return STDERR_NAMES.includes(path) ? STDERR : path;
}
