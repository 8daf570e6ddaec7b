/** Names of dump files: `--dump-file` with its placeholders. Pure. */

import { UsageError } from "../base/errors.ts";

/** What the placeholders of a name stand for. */
export interface FileNameValues {
  /** `%t`: when the file begins, for example `20261122T060320`. */
  readonly time: string;
  /** `%p`: the port that balance listens on. */
  readonly port: number;
  /** `%n`: the number of the connection; absent when a file holds many. */
  readonly connection?: number | undefined;
}

/**
 * Whether each connection has a file of its own, because the name contains `%n`.
 *
 * @param pattern The name as given.
 * @throws {UsageError} If it is empty or contains a placeholder that is none.
 */
export function isPerConnection(pattern: string): boolean {
  return placeholders(pattern).includes("%n");
}

/**
 * Whether names change with time, because the name contains `%t`.
 *
 * @param pattern The name as given.
 * @throws {UsageError} If it is empty or contains a placeholder that is none.
 */
export function hasTime(pattern: string): boolean {
  return placeholders(pattern).includes("%t");
}

/**
 * Puts values in the place of `%t`, `%p`, `%n`; `%%` is a per cent sign.
 *
 * @param pattern The name as given.
 * @throws {UsageError} If it is empty or contains a placeholder that is none, or `%n` without a
 *     connection.
 */
export function expandFileName(pattern: string, values: FileNameValues): string {
  const { time, port, connection } = values;
  if (placeholders(pattern).includes("%n") && connection === undefined) {
    throw new UsageError(`invalid dump file [${pattern}]: %n needs a file for each connection`);
  }
  const texts: Record<string, string> = {
    "%t": time,
    "%p": String(port),
    "%n": String(connection),
    "%%": "%",
  };
  return pattern.replace(/%./g, (placeholder) => texts[placeholder] ?? placeholder);
}

/** The placeholders of a name, checked. */
function placeholders(pattern: string): string[] {
  if (pattern === "") throw new UsageError("invalid dump file []: empty");
  if (pattern.includes("\0")) {
    throw new UsageError(`invalid dump file [${pattern.replaceAll("\0", "\\0")}]: null byte`);
  }
  const found: string[] = pattern.match(/%.?/g) ?? [];
  const bad = found.find((each) => !["%t", "%p", "%n", "%%"].includes(each));
  if (bad !== undefined) {
    throw new UsageError(
      `invalid dump file [${pattern}]: ${bad} is not %t (time), %p (port) or %n (connection)`,
    );
  }
  return found;
}
