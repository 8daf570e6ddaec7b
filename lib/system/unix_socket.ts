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
