import { type CLibrary, cLibrary } from "./c_library.ts";
import { cString } from "./memory.ts";

const O_WRONLY = 1, O_NONBLOCK = 0o4000, O_CLOEXEC = 0o2000000;
const F_SETPIPE_SZ = 1031, F_GETPIPE_SZ = 1032;

/**
 * Enlarges a named pipe that is open for reading, so that reader and writer wait for each other
 * less often (Linux only).
 *
 * It does nothing without the C library, if the pipe is as large already, or beyond the limits of
 * the system (`fs.pipe-max-size`, `fs.pipe-user-pages-soft`).
 *
 * @param bytes The new size, a power of two.
 */
export function enlargePipe(path: string, bytes: number): void {
  const c = cLibrary();
  if (c !== undefined && Deno.build.os === "linux") enlarge(c, path, bytes);
}

function enlarge({ open, fcntl, close }: CLibrary, path: string, bytes: number): void {
  // Opened anew: Deno does not always reveal the descriptors of files that it has opened.
  const descriptor = open(cString(path), O_WRONLY | O_NONBLOCK | O_CLOEXEC, 0);
  if (descriptor < 0) return;
  const size = fcntl(descriptor, F_GETPIPE_SZ, 0);
  if (size >= 0 && size < bytes) fcntl(descriptor, F_SETPIPE_SZ, bytes);
  close(descriptor);
}
