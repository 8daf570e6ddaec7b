/** The file of `--state`: a record of what operators changed, and which balance it belongs to. */

import { dirname } from "node:path";
import { codeOf, messageOf, systemReason } from "../base/errors.ts";
import { removeIfThere } from "../system/unix_socket.ts";
import { NO_CHANGES, type OperatorState, readState } from "./record.ts";

/** The balance that a file belongs to. */
export interface StateOwner {
  /** Unique for each start. */
  readonly id: string;
  readonly pid: number;
  /** The address that it listens on. */
  readonly address: string;
  readonly port: number;
}

/** What a file has. */
export interface StateContent {
  readonly state: OperatorState;
  /** Absent if the file is missing, or empty, or cannot be used. */
  readonly owner?: StateOwner;
  /** Why it cannot be used; absent if it can, or if it is missing or empty. */
  readonly fault?: string;
}

/** Distinguishes a state file from any other file. */
const FORMAT = "balance state";

/** No other user must know the addresses of backends. */
const FILE_MODE = 0o600;

/**
 * Maximum length of a state in bytes. That of the largest table has about 200 MB with every channel
 * changed.
 */
export const MAX_STATE_BYTES = 2 ** 29;

/** Added to the name of a file that could not be used, when another one replaces it. */
export const UNUSABLE_SUFFIX = ".bad";

/** Reads a file. Never throws: `fault` is the reason why it cannot be used. */
export function readStateFile(path: string): StateContent {
  let text: string;
  try {
    const { isFile, size } = Deno.statSync(path);
    if (!isFile) return { state: NO_CHANGES, fault: "it is not a regular file" };
    if (size > MAX_STATE_BYTES) return { state: NO_CHANGES, fault: "it is not a state file" };
    text = Deno.readTextFileSync(path);
  } catch (error) {
    if (isMissing(error)) return { state: NO_CHANGES };
    return { state: NO_CHANGES, fault: systemReason(error) };
  }
  return text.trim() === "" ? { state: NO_CHANGES } : parseStateFile(text);
}

function parseStateFile(text: string): StateContent {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    const isOurs = text.startsWith(`{"format":"${FORMAT}"`);
    return { state: NO_CHANGES, fault: isOurs ? "it is incomplete" : "it is not a state file" };
  }
  const { format, owner, ...state } = (value ?? {}) as Readonly<Record<string, unknown>>;
  if (format !== FORMAT) return { state: NO_CHANGES, fault: "it is not a state file" };
  try {
    const read = readState(state);
    return isOwner(owner) ? { state: read, owner } : { state: read };
  } catch (error) {
    return { state: NO_CHANGES, fault: messageOf(error) };
  }
}

function isOwner(value: unknown): value is StateOwner {
  const { id, pid, address, port } = (value ?? {}) as Readonly<Record<string, unknown>>;
  return typeof id === "string" && Number.isInteger(pid) && typeof address === "string" &&
    Number.isInteger(port);
}

/**
 * Checks that a file can be written: that its directory takes new files, and that there is nothing
 * that must not be replaced.
 *
 * @throws {Error} If it cannot.
 */
export function checkWritable(path: string): void {
  try {
    const { isFile, isSymlink } = Deno.lstatSync(path);
    if (!isFile && !isSymlink) throw new Error("it is not a regular file");
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
  const draft = draftOf(path);
  removeIfThere(draft);
  Deno.openSync(draft, { write: true, createNew: true, mode: FILE_MODE }).close();
  Deno.removeSync(draft);
}

/**
 * Writes a file: readers see the former one or the complete new one, also after a power failure. A
 * symbolic link is replaced, not followed.
 *
 * @throws {Error} If it cannot be written; the former one is unchanged then.
 */
export async function writeStateFile(
  path: string,
  { state, owner }: { state: OperatorState; owner: StateOwner },
): Promise<void> {
  const draft = draftOf(path);
  removeIfThere(draft);
  try {
    using file = await Deno.open(draft, { write: true, createNew: true, mode: FILE_MODE });
    const bytes = new TextEncoder().encode(textOf({ format: FORMAT, ...state, owner }));
    for (let at = 0; at < bytes.length;) at += await file.write(bytes.subarray(at));
    await file.sync();
    await Deno.rename(draft, path);
  } catch (error) {
    removeIfThere(draft);
    throw error;
  }
  await syncDirectory(dirname(path));
}

/** One line for each group and each channel, for people who read or compare it. */
function textOf(
  { groups, ...rest }: OperatorState & { format: string; owner: StateOwner },
): string {
  const lines = groups.map(({ channels, created, ...group }) => {
    const list = (name: string, items: readonly unknown[]) =>
      `,"${name}":[${items.map((item) => `\n  ${JSON.stringify(item)}`).join(",")}]`;
    return `\n ${JSON.stringify(group).slice(0, -1)}${list("channels", channels)}` +
      `${list("created", created)}}`;
  });
  return `${JSON.stringify(rest).slice(0, -1)},"groups":[${lines.join(",")}]}\n`;
}

/** Makes a new name durable. Some file systems cannot do this, and need not. */
async function syncDirectory(path: string): Promise<void> {
  try {
    using directory = await Deno.open(path);
    await directory.sync();
  } catch { /* the name is durable a moment later */ }
}

/** A file that is written and then renamed; in the same directory, so that this is atomic. */
function draftOf(path: string): string {
  return `${path}.${Deno.pid}.new`;
}

/** Whether an error means that there is no file. */
export function isMissing(error: unknown): boolean {
  return error instanceof Deno.errors.NotFound || codeOf(error) === "ENOENT";
}
