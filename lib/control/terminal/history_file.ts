/**
 * The history of the shell: `$XDG_STATE_HOME/balance/history`, by default in `~/.local/state`.
 *
 * Every failure is ignored: the shell works without a history.
 */

import { within } from "../../base/within.ts";
import { MAX_HISTORY } from "./line_reader.ts";

// deno-lint-ignore no-control-regex
const CONTROL = /[\x00-\x1f\x7f-\x9f]/;
/** A larger file is not read. */
const MAX_BYTES = 1 << 20;
/** Maximum time for reading or saving, in milliseconds: a file system may be slow. */
const TIMEOUT_MS = 500;

/** The saved history. */
export interface HistoryFile extends AsyncDisposable {
  /** Its lines, the oldest first. */
  readonly lines: readonly string[];
  /** Saves another line in the background. */
  readonly add: (line: string) => void;
}

/**
 * Opens the history.
 *
 * @param path Its file; `undefined` for none.
 */
export async function openHistory(path: string | undefined): Promise<HistoryFile> {
  const read = path === undefined ? [] : await within(load(path).catch(() => []), TIMEOUT_MS) ?? [];
  let saving: Promise<void> = Promise.resolve();
  return {
    lines: read.slice(-MAX_HISTORY),
    add(line) {
      if (path === undefined) return;
      saving = saving.then(() => append(path, line)).catch(() => {});
    },
    async [Symbol.asyncDispose]() {
      await within(saving, TIMEOUT_MS);
    },
  };
}

/** Where the history is; `undefined` without a home directory. */
export function historyPath(): string | undefined {
  const home = variable("HOME");
  const base = variable("XDG_STATE_HOME") ?? (home && `${home}/.local/state`);
  return base && `${base}/balance/history`;
}

/** An environment variable that has an absolute path; others are invalid. */
function variable(name: string): string | undefined {
  try {
    const value = Deno.env.get(name);
    return value?.startsWith("/") ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Reads the lines of a file, and shortens it if it has too many and can be replaced. */
async function load(path: string): Promise<string[]> {
  const { isFile, size } = await Deno.lstat(path);
  // Opening a named pipe would wait for a writer.
  if (!isFile || size > MAX_BYTES) return [];
  const text = await Deno.readTextFile(path);
  const lines = text.split("\n").filter((line) => line !== "" && !CONTROL.test(line));
  if (lines.length > 2 * MAX_HISTORY) await shorten(path, lines).catch(() => {});
  return lines;
}

async function shorten(path: string, lines: readonly string[]): Promise<void> {
  const kept = `${path}.${Deno.pid}`;
  const last = lines.slice(-MAX_HISTORY).map((line) => `${line}\n`).join("");
  await Deno.writeTextFile(kept, last, { mode: 0o600, createNew: true });
  await Deno.rename(kept, path);
}

async function append(path: string, line: string): Promise<void> {
  await Deno.mkdir(path.replace(/\/[^/]*$/, ""), { recursive: true, mode: 0o700 });
  const found = await Deno.lstat(path).catch(() => undefined);
  if (found !== undefined && (!found.isFile || found.size > MAX_BYTES)) return;
  await Deno.writeTextFile(path, `${line}\n`, { append: true, mode: 0o600 });
}
