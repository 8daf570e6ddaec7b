/** Prepares the process by calls of the C library, before anything else runs. */

import { type CLibrary, cLibrary, openCLibrary, refuseLibraries } from "./c_library.ts";
import { cString, readProc } from "./memory.ts";
import { ignoreDebugger } from "./signal_actions.ts";

/** macOS has another number for `RLIMIT_NOFILE` and a maximum value (`OPEN_MAX`). */
const DARWIN = Deno.build.os === "darwin";
const RLIMIT_NOFILE = DARWIN ? 8 : 7;
const MAX_DESCRIPTORS = DARWIN ? 10240n : 2n ** 64n - 1n;
const PR_SET_NAME = 15;
const F_GETFD = 1, F_SETFD = 2, FD_CLOEXEC = 1;
const F_GETFL = 3, F_SETFL = 4, O_NONBLOCK = DARWIN ? 4 : 0o4000;
/** Inherited descriptors are searched below this number. */
const INHERITED_BELOW = 1024;

/** File descriptors of the process. */
export interface ProcessLimits {
  /** Maximum number of open descriptors; `undefined` if unknown. */
  readonly descriptors: number | undefined;
  /** Descriptors that were open at start. */
  readonly open: number;
}

let limits: ProcessLimits = { descriptors: undefined, open: 0 };

/** The limits that {@link prepareProcess} found. */
export function processLimits(): ProcessLimits {
  return limits;
}

/**
 * Raises the soft limit of open descriptors to the hard limit, and ignores SIGUSR1, on which the
 * runtime would open a debugger. Makes the standard streams blocking again if another program has
 * made them nonblocking: otherwise Deno miscounts the bytes that it has written. On Linux, it also
 * names the process and sets close-on-exec on inherited descriptors, so that the background process
 * does not inherit them. Call this before anything else.
 *
 * Without the C library or the permission to call it (from source without `--allow-ffi`), the limit
 * is unknown and not raised; see `requireNoDebugger()` about SIGUSR1.
 *
 * @param name The name that `ps` shows, up to 15 bytes.
 * @param argv The command line. Unless it mentions the epoll engine, whose workers must open the C
 * library, too, or a configuration file, no library can be opened afterwards.
 */
export function prepareProcess(name: string, argv: readonly string[]): void {
  const c = openCLibrary();
  // A configuration file may name the engine, too.
  if (!argv.some((word) => /^(--.*=)?epoll$|^--config(=|$)/.test(word))) refuseLibraries();
  if (c !== undefined) {
    c.prctl?.(PR_SET_NAME, cString(name), 0n, 0n, 0n);
    makeStreamsBlocking(c);
    limits = { open: DARWIN ? 0 : closeOnExec(c), descriptors: raiseDescriptors(c) };
  }
  ignoreDebugger();
}

/**
 * Whether a process runs. One that has exited but was not waited for does not.
 *
 * @returns Also `true` if that is unknown: without the C library, and if /proc is not mounted.
 */
export function isRunning(pid: number): boolean {
  const c = cLibrary();
  if (c === undefined || readProc(c, "stat") === undefined) return true;
  const stat = readProc(c, `../${pid}/stat`);
  // The state follows the name, which may contain anything: proc_pid_stat(5).
  return stat !== undefined && !/\) [ZX] [^)]*$/.test(new TextDecoder().decode(stat));
}

/** Clears `O_NONBLOCK` of the standard streams. */
function makeStreamsBlocking({ fcntl }: CLibrary): void {
  for (const descriptor of [0, 1, 2]) {
    const flags = fcntl(descriptor, F_GETFL, 0);
    if (flags >= 0 && flags & O_NONBLOCK) fcntl(descriptor, F_SETFL, flags & ~O_NONBLOCK);
  }
}

/** Sets close-on-exec on inherited descriptors. Returns how many descriptors are open. */
function closeOnExec({ fcntl }: CLibrary): number {
  let open = 3;
  for (let descriptor = 3; descriptor < INHERITED_BELOW; descriptor++) {
    const flags = fcntl(descriptor, F_GETFD, 0);
    if (flags < 0) continue;
    open++;
    if (!(flags & FD_CLOEXEC)) fcntl(descriptor, F_SETFD, flags | FD_CLOEXEC);
  }
  return open;
}

function raiseDescriptors({ getrlimit, setrlimit }: CLibrary): number | undefined {
  const limit = new BigUint64Array(2); // rlim_cur, rlim_max
  if (getrlimit(RLIMIT_NOFILE, limit) !== 0) return undefined;
  const [soft = 0n, hard = 0n] = limit;
  limit[0] = hard < MAX_DESCRIPTORS ? hard : MAX_DESCRIPTORS;
  if (limit[0] > soft) setrlimit(RLIMIT_NOFILE, limit);
  getrlimit(RLIMIT_NOFILE, limit);
  return Number(limit[0]);
}
