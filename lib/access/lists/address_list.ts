/** The LIST of `--allow`, `--deny` and `--accept-proxy`. */

import { type Network, parseNetwork } from "../../address/cidr.ts";
import { EXIT, ExitError, systemReason, UsageError, withName } from "../../base/errors.ts";
import type { Given } from "../../config_file/given.ts";
import { type Place, placed } from "../../config_file/place.ts";
import { absolutePath } from "../../native/absolute_path.ts";
import type { AddressList } from "../access_lists.ts";
import { PrefixCollector } from "../prefixes.ts";
import { readRangeFile } from "./range_file.ts";

/** The largest file, in bytes. */
const MAX_BYTES = 64 << 20;

/** Where the files are read. */
export interface ListSource {
  /** The working directory at the start, if it has changed since. */
  readonly directory?: string | undefined;
}

/**
 * Reads all that was given for an option: ranges (see `parseNetwork()`) and `@FILE`, separated by
 * commas. A file has one range per line; `#` starts a comment. In a configuration file, a relative
 * path starts at the directory of that file.
 *
 * @param name The option, without dashes.
 * @param given `undefined` or empty if the option was not given.
 * @throws {UsageError} If a range is invalid; the error names the line of the file.
 * @throws {ExitError} If a file cannot be read (exit code 66).
 * @see balance(1), ACCESS
 */
export function readAddressList(
  name: string,
  given: readonly Given[] = [],
  { directory }: ListSource = {},
): AddressList | undefined {
  if (given.length === 0) return undefined;
  const ranges = new PrefixCollector(), files: { file: string; count: number }[] = [];
  let named = 0;
  for (const { value = "", place } of given) {
    placed(place, () => {
      for (const item of value.split(",")) {
        if (!item.startsWith("@")) {
          ranges.add(readItem(name, item));
          named++;
          continue;
        }
        const file = fileOf(name, item, place), bytes = bytesOf(name, { file, directory });
        files.push({ file, count: readRangeFile(bytes, { file, ranges }) });
      }
    });
  }
  return { prefixes: ranges.set, given: named, files };
}

function readItem(name: string, item: string): Network {
  if (item === "") throw new UsageError(`invalid --${name} []: want a range or @FILE`, name);
  try {
    return parseNetwork(item);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    throw new UsageError(error.message.replace(/^invalid range /, `invalid --${name} `), name);
  }
}

/** The name of the file of an item, as `include` names files. */
function fileOf(name: string, item: string, place: Place | undefined): string {
  const file = item.slice(1), from = place?.file ?? "";
  if (file === "") throw new UsageError(`invalid --${name} [@]: want a file after @`, name);
  return file.startsWith("/") ? file : from.slice(0, from.lastIndexOf("/") + 1) + file;
}

function bytesOf(
  name: string,
  { file, directory }: { file: string; directory: string | undefined },
): Uint8Array {
  const isRelative = directory !== undefined && !file.startsWith("/");
  const path = isRelative ? `${directory}/${file}` : absolutePath(file);
  try {
    // A pipe can be read only once, but the background process and `reload` read again.
    const { isFile, isDirectory, size } = Deno.statSync(path);
    if (isDirectory) throw new Error("Is a directory");
    if (!isFile) throw new Error("not a regular file");
    if (size > MAX_BYTES) throw new Error(`larger than ${MAX_BYTES} bytes`);
    return Deno.readFileSync(path);
  } catch (error) {
    const what = `can't read --${name} file [${file}]: ${systemReason(error)}`;
    throw new ExitError(withName(what), EXIT.noInput, name);
  }
}
