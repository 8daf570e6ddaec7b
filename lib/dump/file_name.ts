/** Names of dump files: `--dump-file` with its placeholders. Pure. */

import { UsageError } from "../base/errors.ts";
import { STDOUT } from "../base/stdout.ts";
import { fileTime } from "./formats/times.ts";

/** The values of the placeholders in a name. */
export interface FileNameValues {
  /** `%t`: when the file starts, for example `20261122T060320`. */
  readonly time: string;
  /** `%p`: the port that balance listens on. */
  readonly port: number;
  /** `%n`: the number of the connection; absent if a file has many connections. */
  readonly connection?: number | undefined;
}

/**
 * Whether each connection has its own file, because the name contains `%n`.
 *
 * @param pattern The name as given.
 * @throws {UsageError} If it is empty or contains an unknown placeholder.
 */
export function isPerConnection(pattern: string): boolean {
  return placeholders(pattern).includes("%n");
}

/**
 * Whether each file has another name, because the name contains `%t`.
 *
 * @param pattern The name as given.
 * @throws {UsageError} If it is empty or contains an unknown placeholder.
 */
export function hasTime(pattern: string): boolean {
  return placeholders(pattern).includes("%t");
}

/**
 * Replaces `%t`, `%p` and `%n` by their values, and `%%` by a percent sign.
 *
 * @param pattern The name as given.
 * @throws {UsageError} If it is empty or contains an unknown placeholder, or `%n` without a
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

/** The names of one output's files, in the order in which the files start. */
export class FileNames {
  readonly #pattern: string;
  readonly #values: Omit<FileNameValues, "time">;
  /** When the previous file started, and how many files started in that second. */
  #second = "";
  #count = 0;

  /**
   * @param pattern The name as given.
   * @param values The values of all placeholders except the time.
   */
  constructor(pattern: string, values: Omit<FileNameValues, "time">) {
    this.#pattern = pattern;
    this.#values = values;
  }

  /**
   * The name of the next file. If names contain the time, no two files have the same name.
   *
   * @param now When it starts, in microseconds since 1970.
   * @throws {UsageError} If the pattern is invalid.
   */
  next(now: number): string {
    if (this.#pattern === STDOUT) return STDOUT;
    const second = fileTime(now);
    this.#count = second === this.#second ? this.#count + 1 : 1;
    this.#second = second;
    const time = this.#count === 1 ? second : `${second}-${this.#count}`;
    return expandFileName(this.#pattern, { ...this.#values, time });
  }
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
