/** Starts this program again, as a daemon with the same command line. */

import { type CLibrary, cLibrary } from "./c_library.ts";
import {
  cString,
  type Fixed,
  fixed,
  readProc,
  stringArray,
  stringAt,
  stringsAt,
} from "./memory.ts";

// Values of glibc and musl.
const POSIX_SPAWN_SETSIGMASK = 0x08, POSIX_SPAWN_SETSID = 0x80;
const O_RDWR = 2, WNOHANG = 1;
const SIGUSR1 = 10;
/** More than any of the structures of C needs (336 bytes in glibc). */
const STRUCTURE = 1024;

/** A process that was started. */
export interface Daemon {
  /**
   * How it ended, such as `exit code 70` or `signal 9`; `undefined` while it runs. Once it is
   * known, the process is gone and its ID may be used again.
   */
  end(): string | undefined;
}

/** A process could not be started. */
export class SpawnError extends Error {
  override readonly name = "SpawnError";
}

/**
 * Starts this executable with its own command line, byte for byte, in a session of its own, with
 * /dev/null as standard input, output and error, and in the same working directory, even one that
 * the user may not enter.
 *
 * SIGUSR1 is blocked in it, so that the debugger of the runtime never sees it, not even before the
 * first line of this program runs (see SECURITY.md).
 *
 * @param variables Added to the environment.
 * @returns `undefined` without the C library, and on macOS.
 * @throws {SpawnError} With the reason of the system.
 */
export function spawnAgain(variables: Readonly<Record<string, string>>): Daemon | undefined {
  const c = cLibrary();
  if (c === undefined || Deno.build.os !== "linux") return undefined;
  const line = readProc(c, "cmdline");
  if (line === undefined) throw new SpawnError("/proc is not mounted");
  const attributes = daemonAttributes(c);
  const files = nullDevices(c);
  const pid = new Int32Array(fixed(4).buffer);
  const error = c.posix_spawn(
    pid,
    cString("/proc/self/exe"),
    files,
    attributes,
    stringArray(c, splitAtNul(line)),
    stringArray(c, environmentWith(c, variables)),
  );
  c.posix_spawn_file_actions_destroy(files);
  c.posix_spawnattr_destroy(attributes);
  if (error !== 0) throw new SpawnError(new TextDecoder().decode(stringAt(c, c.strerror(error))));
  return { end: endOf(c, pid[0]!) };
}

/** The strings of a block in which each one ends with NUL. */
function splitAtNul(block: Uint8Array): Uint8Array[] {
  const strings: Uint8Array[] = [];
  for (let start = 0; start < block.length;) {
    const end = block.indexOf(0, start);
    strings.push(block.subarray(start, end < 0 ? block.length : end));
    start = end < 0 ? block.length : end + 1;
  }
  return strings;
}

/** The environment of this process, with some variables added or replaced. */
function environmentWith(c: CLibrary, variables: Readonly<Record<string, string>>): Uint8Array[] {
  const decoder = new TextDecoder();
  const name = (entry: Uint8Array) => decoder.decode(entry).split("=", 1)[0] ?? "";
  const own = stringsAt(c, c.environ ?? 0n).filter((entry) => !(name(entry) in variables));
  const added = Object.entries(variables).map(([name, value]) => `${name}=${value}`);
  return [...own, ...added.map((entry) => new TextEncoder().encode(entry))];
}

function daemonAttributes(c: CLibrary): Fixed {
  const attributes = fixed(STRUCTURE), blocked = fixed(STRUCTURE);
  blocked[(SIGUSR1 - 1) >> 3] = 1 << ((SIGUSR1 - 1) & 7);
  c.posix_spawnattr_init(attributes);
  c.posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK);
  c.posix_spawnattr_setsigmask(attributes, blocked);
  return attributes;
}

function nullDevices(c: CLibrary): Fixed {
  const files = fixed(STRUCTURE);
  c.posix_spawn_file_actions_init(files);
  c.posix_spawn_file_actions_addopen(files, 0, cString("/dev/null"), O_RDWR, 0);
  c.posix_spawn_file_actions_adddup2(files, 0, 1);
  c.posix_spawn_file_actions_adddup2(files, 0, 2);
  return files;
}

function endOf(c: CLibrary, pid: number): Daemon["end"] {
  let known: string | undefined;
  return () => {
    if (known !== undefined) return known;
    const status = new Int32Array(fixed(4).buffer);
    const found = c.waitpid(pid, status, WNOHANG);
    if (found === 0) return undefined;
    // Nothing is left to wait for if the process was started with SIGCHLD ignored.
    return known = found < 0 ? "exit code unknown" : howItEnded(status[0]!);
  };
}

/** Describes a status of waitpid(2). */
function howItEnded(status: number): string {
  const signal = status & 0x7f;
  return signal === 0 ? `exit code ${(status >> 8) & 0xff}` : `signal ${signal}`;
}
