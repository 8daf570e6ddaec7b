/**
 * Listens on a path. The umask makes bind(2) create the file with its final mode: with a later
 * chmod(2) there would be a race.
 *
 * @param mode Permissions of the socket, for example `0o600`.
 * @throws {Error} If the path cannot be bound, for example because it exists.
 */
export function bindUnix(path: string, mode: number): Deno.UnixListener {
  const mask = Deno.umask(0o777 & ~mode);
  try {
    return Deno.listen({ transport: "unix", path });
  } finally {
    Deno.umask(mask);
  }
}

/** Removes a file that may be missing. A failure shows when the path is bound. */
export function removeIfThere(path: string): void {
  try {
    Deno.removeSync(path);
  } catch { /* missing, or not removable */ }
}

/** Maximum length of the path of a Unix socket in bytes (`sun_path` without its NUL). */
export const MAX_SOCKET_PATH = 107;

/**
 * Identifies the file at a path, without following a link; `undefined` if there is none. The number
 * of a socket is not reused while a process listens on it.
 */
export function fileId(path: string): string | undefined {
  try {
    const { dev, ino } = Deno.lstatSync(path);
    return `${dev}:${ino}`;
  } catch {
    return undefined;
  }
}
