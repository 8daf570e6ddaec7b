/**
 * Names of dump files: `--dump-file` with its placeholders. Pure.
 *
 * All functions throw a `UsageError` if the name is empty or contains a null byte or an unknown
 * placeholder.
 */

import { UsageError } from "../base/errors.ts";
import { STDOUT } from "../base/stdout.ts";
import { fileTime } from "./formats/times.ts";

/** The values of the placeholders in a name. */
interface FileNameValues {
  /** `%t`: when the file starts, for example `20261122T060320`. */
  readonly time: string;
  /** `%p`: the port that balance listens on. */
  readonly port: number;
  /** `%n`: the number of the connection; absent if a file has many connections. */
  readonly connection?: number | undefined;
}

/** Whether each connection has its own file, because the name contains `%n`. */
export function isPerConnection(pattern: string): boolean {
  return placeholders(pattern).includes("%n");
}

/** Whether each file has another name, because the name contains `%t`. */
export function hasTime(pattern: string): boolean {
  return placeholders(pattern).includes("%t");
}

/**
 * Replaces `%t`, `%p` and `%n` by their values, and `%%` by a percent sign.
 *
 * @throws {UsageError} Also for `%n` without a connection.
 */
export function expandFileName(pattern: string, values: FileNameValues): string {
  const { time, port, connection } = values;
  if (placeholders(pattern).includes("%n") && connection === undefined) {
    throw new UsageError(`invalid dump file [${pattern}]: %n needs a file for each connection`);
  }
  const texts: Record<string, string> = { t: time, p: `${port}`, n: `${connection}`, "%": "%" };
  return pattern.replace(/%(.)/g, (_, letter) => texts[letter]!);
}

/** The names of the files of one output, in the order in which they start. */
export class FileNames {
  readonly #pattern: string;
  readonly #values: Omit<FileNameValues, "time">;
  /** The second in which the latest file started, and how many files started in it. */
  #second = "";
  #count = 0;

  /** @param values The values of all placeholders except the time. */
  constructor(pattern: string, values: Omit<FileNameValues, "time">) {
    this.#pattern = pattern;
    this.#values = values;
  }

  /**
   * The name of the next file. If names contain the time, no two files have the same name.
   *
   * @param now When the file starts, in microseconds since 1970.
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
