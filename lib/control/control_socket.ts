/**
 * Where a running balance and those who control it meet: the Unix socket `balance.PORT.ADDR`
 * in the run directory.
 */

import type { Endpoint } from "../base/endpoint.ts";
import { codeOf, EXIT, ExitError, messageOf } from "../base/errors.ts";

/** Mode of the socket: its owner, and root, may control. */
const SOCKET_MODE = 0o600;
const STICKY = 0o1000, WRITABLE_BY_OTHERS = 0o022;

/** A run directory that may be used. */
export interface RunDirectory {
  readonly path: string;
  /** Mode with which it is made if it is missing. */
  readonly mode: number;
  /** Chosen by the user (`$BALANCE_RUNDIR`): no other one is looked at. */
  readonly explicit: boolean;
}

/**
 * The run directories in the order in which server and client look at them.
 *
 * @param env Looks a variable up; default: those of the process.
 * @returns `$BALANCE_RUNDIR` alone if it is set; else `/var/run/balance`,
 * `$XDG_RUNTIME_DIR/balance`, `/tmp/balance-UID`.
 */
export function runDirectories(
  env: (name: string) => string | undefined = (name) => Deno.env.get(name),
): RunDirectory[] {
  const chosen = env("BALANCE_RUNDIR");
  if (chosen) return [{ path: chosen, mode: 0o700, explicit: true }];
  const session = env("XDG_RUNTIME_DIR");
  return [
    { path: "/var/run/balance", mode: 0o755, explicit: false },
    ...(session ? [{ path: `${session}/balance`, mode: 0o700, explicit: false }] : []),
    { path: `/tmp/balance-${Deno.uid()}`, mode: 0o700, explicit: false },
  ];
}

/** Name of the socket: port and numeric address of the listener. */
export function socketName(at: Endpoint): string {
  return `balance.${at.port}.${at.address}`;
}

/**
 * Makes sure that a directory exists and that nobody else can play tricks in it.
 *
 * @throws {ExitError} If it cannot be made or is not safe, saying why.
 */
export function prepareDirectory({ path, mode }: RunDirectory): void {
  let link: Deno.FileInfo, info: Deno.FileInfo;
  try {
    makeDirectory(path, mode);
    link = Deno.lstatSync(path);
    info = Deno.statSync(path);
  } catch (error) {
    throw unusable(path, reasonOf(error));
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

/** Text of a system error without what the runtime adds about its own call. */
function reasonOf(error: unknown): string {
  return messageOf(error).replace(/: \w+ '.*'$/, "");
}

function unusable(path: string, reason: string): ExitError {
  return new ExitError(`balance: can't use run directory [${path}]: ${reason}`, EXIT.canNotCreate);
}

/**
 * Opens the control socket of a balance.
 *
 * A socket that nobody answers on is replaced; one that lives is never taken over, and neither
 * is anything that is not a socket.
 *
 * @param at Where the balance listens; it does so already, so that no second one gets here.
 * @param options `directories` to try, by default those of {@link runDirectories}.
 * @returns The listener, whose file is removed when it is closed, its path, and whether a stale
 * socket was replaced.
 * @throws {ExitError} If no run directory can be used, with the reasons.
 */
export async function listenControl(
  at: Endpoint,
  options: { directories?: readonly RunDirectory[] } = {},
): Promise<{ listener: Deno.UnixListener; path: string; replaced: boolean }> {
  const reasons: string[] = [];
  for (const directory of options.directories ?? runDirectories()) {
    const path = `${directory.path}/${socketName(at)}`;
    try {
      prepareDirectory(directory);
      return { ...await listenUnix(path), path };
    } catch (error) {
      if (directory.explicit && error instanceof ExitError) throw error;
      const reason = error instanceof ExitError
        ? error.message.replace("balance: ", "")
        : `can't create [${path}]: ${messageOf(error)}`;
      if (directory.explicit) throw new ExitError(`balance: ${reason}`, EXIT.canNotCreate);
      reasons.push(reason);
    }
  }
  throw new ExitError(`balance: no control socket: ${reasons.join("; ")}`, EXIT.canNotCreate);
}

/** Listens on a path; see {@link listenControl} for what stands in the way. */
async function listenUnix(
  path: string,
): Promise<{ listener: Deno.UnixListener; replaced: boolean }> {
  try {
    return { listener: bindUnix(path), replaced: false };
  } catch (error) {
    if (!(error instanceof Deno.errors.AddrInUse)) throw error;
  }
  if (!Deno.lstatSync(path).isSocket) throw new Error("it is in the way and not a socket");
  if (await answers(path)) throw new Error("another balance answers on it");
  try {
    Deno.removeSync(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return { listener: bindUnix(path), replaced: true };
}

function bindUnix(path: string): Deno.UnixListener {
  // The mask makes bind(2) create the file with its final mode: there is no moment to race.
  const mask = Deno.umask(0o777 & ~SOCKET_MODE);
  try {
    return Deno.listen({ transport: "unix", path });
  } finally {
    Deno.umask(mask);
  }
}

async function answers(path: string): Promise<boolean> {
  try {
    (await Deno.connect({ transport: "unix", path })).close();
    return true;
  } catch (error) {
    if (isNobody(error)) return false;
    throw error;
  }
}

/** Whether connecting failed because nobody is there. */
function isNobody(error: unknown): boolean {
  return error instanceof Deno.errors.ConnectionRefused ||
    error instanceof Deno.errors.ConnectionReset ||
    error instanceof Deno.errors.NotFound || codeOf(error) === "ENOENT" ||
    codeOf(error) === "ENOTDIR";
}

/**
 * Connects to the control socket of a running balance.
 *
 * Only one of this user or of root is talked to; root talks to anybody's, but not in a directory
 * that somebody else has made in the place of root's own. One that may not be
 * used, because it is somebody else's, may hide behind it the one that was meant, so the search
 * goes on.
 *
 * @param at Where that balance listens.
 * @param options `directories` to look at, by default those of {@link runDirectories}, and `uid`,
 * who asks, by default the user of this process.
 * @returns The connection; `undefined` if there is no such balance.
 * @throws {ExitError} If there is only one that this user may not control.
 */
export async function connectControl(
  at: Endpoint,
  options: { directories?: readonly RunDirectory[]; uid?: number } = {},
): Promise<Deno.UnixConn | undefined> {
  const me = options.uid ?? Deno.uid();
  let refused: ExitError | undefined;
  for (const directory of options.directories ?? runDirectories()) {
    const path = `${directory.path}/${socketName(at)}`;
    try {
      // A directory that is looked at by itself must be where only root and we put things first:
      // anybody can make `/tmp/balance-0`.
      const owner = directory.explicit ? me : Deno.lstatSync(directory.path).uid;
      if (owner !== 0 && owner !== me) throw new Error(`its directory belongs to user ${owner}`);
      const { uid } = Deno.lstatSync(path);
      if (me !== 0 && uid !== 0 && uid !== me) throw new Error(`it belongs to user ${uid}`);
      return await Deno.connect({ transport: "unix", path });
    } catch (error) {
      if (isNobody(error)) continue;
      refused ??= new ExitError(
        `balance: can't control [${path}]: ${reasonOf(error)}`,
        EXIT.noPermission,
      );
    }
  }
  if (refused !== undefined) throw refused;
  return undefined;
}
