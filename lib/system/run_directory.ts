/** The run directory: where balance creates its Unix sockets, and what makes it safe to use. */

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

/**
 * The run directories in the order in which server and client try them: `$BALANCE_RUNDIR` alone if
 * it is set, else `/var/run/balance`, `$XDG_RUNTIME_DIR/balance`, `/tmp/balance-UID`.
 *
 * @param env Looks up an environment variable.
 */
export function runDirectories(
  env: (name: string) => string | undefined = (name) => Deno.env.get(name),
): RunDirectory[] {
  const chosen = env("BALANCE_RUNDIR");
  if (chosen) return [{ path: chosen, mode: PRIVATE, explicit: true }];
  const session = env("XDG_RUNTIME_DIR");
  return [
    { path: "/var/run/balance", mode: PUBLIC, explicit: false },
    ...(session ? [{ path: `${session}/balance`, mode: PRIVATE, explicit: false }] : []),
    { path: `/tmp/balance-${Deno.uid()}`, mode: PRIVATE, explicit: false },
  ];
}

/**
 * Creates a run directory if it is missing, and checks that no other user but root can replace
 * the files in it.
 *
 * @throws {RunDirectoryError} If it cannot be created or is not safe.
 */
export function prepareDirectory({ path, mode }: RunDirectory): void {
  let link: Deno.FileInfo, info: Deno.FileInfo;
  try {
    makeDirectory(path, mode);
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
  if (info.mode !== null && info.mode & WRITABLE_BY_OTHERS && !(info.mode & STICKY)) {
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

function isTrusted(uid: number | null): boolean {
  return uid === 0 || uid === Deno.uid();
}

function unusable(path: string, reason: string): RunDirectoryError {
  return new RunDirectoryError(`can't use run directory [${path}]: ${reason}`);
}
