/**
 * The run directory: where balance creates its Unix sockets, and what makes it safe to use. Where a
 * client looks for them is in search_directories.ts.
 */

import { EXIT, ExitError, systemReason, withName } from "../base/errors.ts";

const PRIVATE = 0o700, PUBLIC = 0o755;
const STICKY = 0o1000, WRITABLE_BY_OTHERS = 0o022;

/** A directory to try. */
export interface RunDirectory {
  readonly path: string;
  /** Mode to create it with if it is missing. */
  readonly mode: number;
  /** Set by the user (`$BALANCE_RUNDIR`), so no other one is tried. */
  readonly explicit: boolean;
}

/** A run directory cannot be created or is not safe (exit code 73). */
export class RunDirectoryError extends ExitError {
  /** @param reason The line to print without the name of the program. */
  constructor(readonly reason: string) {
    super(withName(reason), EXIT.canNotCreate);
  }
}

/** The first default directory. A service manager or root creates it. */
export const SYSTEM_DIRECTORY = "/var/run/balance";

/** The default directory of a user. */
export function userDirectory(uid: number): string {
  return `/tmp/balance-${uid}`;
}

/**
 * The run directories in the order in which a server tries them: `$BALANCE_RUNDIR` alone if it is
 * set, else `/var/run/balance`, `/tmp/balance-UID`. They do not depend on the login session: cron
 * and root look for the socket without it, and balance runs on after a logout.
 *
 * @param env Looks up an environment variable.
 */
export function runDirectories(
  env: (name: string) => string | undefined = (name) => Deno.env.get(name),
): RunDirectory[] {
  const chosen = env("BALANCE_RUNDIR");
  if (chosen) return [{ path: chosen, mode: PRIVATE, explicit: true }];
  return [
    { path: SYSTEM_DIRECTORY, mode: PUBLIC, explicit: false },
    { path: userDirectory(Deno.uid() ?? 0), mode: PRIVATE, explicit: false },
  ];
}

/**
 * Creates a run directory if it is missing, and checks that no other user but root can replace
 * the files in it.
 *
 * @throws {RunDirectoryError} If it cannot be created or is not safe.
 */
export function prepareDirectory(directory: RunDirectory): void {
  try {
    makeDirectory(directory.path, directory.mode);
  } catch (error) {
    throw unusable(directory.path, systemReason(error));
  }
  checkDirectory(directory);
}

/**
 * Checks that no other user but root can replace the files in a run directory.
 *
 * @throws {RunDirectoryError} If one could, or if it is no directory.
 */
export function checkDirectory({ path }: RunDirectory): void {
  let link: Deno.FileInfo, info: Deno.FileInfo;
  try {
    link = Deno.lstatSync(path);
    info = Deno.statSync(path);
  } catch (error) {
    throw unusable(path, systemReason(error));
  }
  if (!isTrusted(link.uid)) {
    throw unusable(path, `${link.isSymlink ? "the link" : "it"} belongs to user ${link.uid}`);
  }
  if (!info.isDirectory) throw unusable(path, "not a directory");
  if (!isTrusted(info.uid)) throw unusable(path, `it belongs to user ${info.uid}`);
  if (isOpen(info) && !isSticky(info)) {
    throw unusable(path, "others may write to it and it is not sticky");
  }
}

function makeDirectory(path: string, mode: number): void {
  try {
    Deno.mkdirSync(path, { mode });
  } catch (error) {
    if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
  }
}

/** Whether others than the owner may create files in a directory. */
export function isOpen({ mode }: Deno.FileInfo): boolean {
  return mode !== null && (mode & WRITABLE_BY_OTHERS) !== 0;
}

/** Whether only the owner of a file in a directory may remove it. */
export function isSticky({ mode }: Deno.FileInfo): boolean {
  return mode !== null && (mode & STICKY) !== 0;
}

function isTrusted(uid: number | null): boolean {
  return uid === 0 || uid === Deno.uid();
}

function unusable(path: string, reason: string): RunDirectoryError {
  return new RunDirectoryError(`can't use run directory [${path}]: ${reason}`);
}
