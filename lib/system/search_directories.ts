/** Where a control client looks for sockets, and whose sockets it may use. */

import { isOpen, isSticky, SYSTEM_DIRECTORY, userDirectory } from "./run_directory.ts";

/** A directory in which a socket may be. */
export interface SearchDirectory {
  readonly path: string;
  /** Set by the user (`$BALANCE_RUNDIR`): the owner of the directory is not checked. */
  readonly explicit: boolean;
  /** The user to whom the directory and the sockets in it must belong, if that is another user. */
  readonly owner?: number;
}

/** Options of {@link searchDirectories}, for tests. */
export interface SearchOptions {
  /** Looks up an environment variable. */
  readonly env?: (name: string) => string | undefined;
  /** The user ID of the client. */
  readonly uid?: number;
  /** Replaces `/tmp`. */
  readonly tmp?: string;
  /** Replaces `/run/user`. */
  readonly sessions?: string;
}

/**
 * The directories that a client searches, in this order: `$BALANCE_RUNDIR` alone if it is set; else
 * those of a server, and those of login sessions, where 4.0.0 created its sockets. Root also
 * searches the directories of all other users.
 */
export function searchDirectories(options: SearchOptions = {}): SearchDirectory[] {
  const {
    env = (name) => Deno.env.get(name),
    uid = Deno.uid() ?? 0,
    tmp = "/tmp",
    sessions = "/run/user",
  } = options;
  const chosen = env("BALANCE_RUNDIR");
  if (chosen) return [{ path: chosen, explicit: true }];
  const session = env("XDG_RUNTIME_DIR");
  const found = [
    SYSTEM_DIRECTORY,
    userDirectory(uid),
    ...(session ? [`${session}/balance`] : []),
    `${sessions}/${uid}/balance`,
  ].map((path): SearchDirectory => ({ path, explicit: false }));
  if (uid === 0) found.push(...directoriesOfOthers(tmp, sessions));
  return found.filter(({ path }, at) => found.findLastIndex((one) => one.path === path) === at);
}

/** The directories of all users but root that exist. */
function directoriesOfOthers(tmp: string, sessions: string): SearchDirectory[] {
  const numbers = (path: string, pattern: RegExp) =>
    entries(path).flatMap((name) => {
      const owner = Number(pattern.exec(name)?.[1]);
      return owner > 0 ? [owner] : [];
    }).sort((a, b) => a - b);
  return [
    ...numbers(tmp, /^balance-([1-9]\d*)$/)
      .map((owner) => ({ path: `${tmp}/balance-${owner}`, explicit: false, owner })),
    ...numbers(sessions, /^([1-9]\d*)$/)
      .map((owner) => ({ path: `${sessions}/${owner}/balance`, explicit: false, owner })),
  ];
}

/** The names in a directory; none if it cannot be read. */
export function entries(path: string): string[] {
  try {
    return [...Deno.readDirSync(path)].map(({ name }) => name);
  } catch {
    return [];
  }
}

/**
 * Checks that the socket at a path may be used, and that its directory is not one in which anyone
 * could have put it. Links of other users are not followed.
 *
 * @param me The user ID of the client.
 * @returns The owner of the socket.
 * @throws {Error} If there is no socket (`Deno.errors.NotFound`, also if the directory is missing),
 * or with the reason why it must not be used.
 */
export function checkSocket(directory: SearchDirectory, path: string, me: number): number {
  const { uid, isSocket, isSymlink } = Deno.lstatSync(path);
  if (!isSocket && !isSymlink) throw new Deno.errors.NotFound("it is not a socket");
  const owner = uid ?? 0;
  // Only now: where no socket is, the directory does not matter.
  const trusted = directory.explicit ? undefined : trustedOwner(directory, me);
  if (isSymlink) throw new Error("it is a link");
  if (trusted !== undefined && trusted !== me && trusted !== 0) {
    if (owner !== trusted) throw new Error(`it belongs to user ${owner}`);
  } else if (me !== 0 && owner !== 0 && owner !== me) {
    throw new Error(`it belongs to user ${owner}`);
  }
  return owner;
}

/**
 * The owner of a directory, if the client may trust what is in it. Any user can create
 * `/tmp/balance-0`, so a directory must belong to root or to the client. Root also trusts a
 * directory named after its owner, and one that only root can have given to a user, as systemd
 * does with `/run/balance`.
 *
 * @throws {Error} With the reason why it must not be used.
 */
function trustedOwner({ path, owner }: SearchDirectory, me: number): number {
  const link = Deno.lstatSync(path);
  if (link.isSymlink && link.uid !== 0 && link.uid !== me) {
    throw new Error(`its directory is a link of user ${link.uid}`);
  }
  const info = Deno.statSync(path);
  const uid = info.uid ?? 0;
  if (uid === 0 || uid === me) {
    if (!isOpen(info) || isSticky(info)) return uid;
    throw new Error("others may write to its directory and it is not sticky");
  }
  if (me === 0 && !link.isSymlink && (owner === uid || isBelowRoot(path))) return uid;
  throw new Error(`its directory belongs to user ${uid}`);
}

/** Whether only root can create files in the directory in which a path is. */
function isBelowRoot(path: string): boolean {
  const parent = Deno.statSync(path.replace(/\/[^/]+\/*$/, "/"));
  return parent.uid === 0 && !isOpen(parent);
}
