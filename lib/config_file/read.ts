/** Reads a configuration file and the files that it includes. */

import { EXIT, ExitError, systemReason, UsageError, withName } from "../base/errors.ts";
import { entryOf, INCLUDE, LISTEN } from "./entry.ts";
import type { FileAccess } from "./file_access.ts";
import type { Given, Spellings } from "./given.ts";
import { glob, isGlob } from "./glob.ts";
import { type ConfigLine, configLines } from "./lines.ts";
import { formatPlace, locateAt, type Place } from "./place.ts";

/** Files that one configuration may consist of. */
const MAX_FILES = 1000;

/** What a configuration file contains, with included files in place. */
export interface Configuration {
  /** The port; absent if the command line must give it. */
  readonly listen?: Given;
  readonly options: readonly Given[];
  /** Channels and separators. */
  readonly operands: readonly Given[];
}

/** How to read. */
export interface ReadOptions {
  readonly spellings: Spellings;
  readonly files: FileAccess;
  /** Lines that are wrong are skipped: only `bind` and `listen` are needed (`-c`, `-i`). */
  readonly lenient?: boolean;
}

/** A file to read. */
interface ConfigFile {
  readonly path: string;
  /** The path in messages. */
  readonly file: string;
  /** The line that includes it. */
  readonly from?: Place;
}

/**
 * Reads a file.
 *
 * @param config `path` is absolute, `file` is the name in messages.
 * @throws {ExitError} If a file cannot be read (exit code 66).
 * @throws {UsageError} If a line is wrong; the error names it.
 * @see balance(1), FILES
 */
export function readConfiguration(config: ConfigFile, options: ReadOptions): Configuration {
  const operands: Given[] = [], found = new Map<string, Given[]>();
  for (const entry of entries(config, [], { ...options, count: { files: 0 } })) {
    if (entry.name === undefined) {
      operands.push(entry);
      continue;
    }
    const before = found.get(entry.name);
    if (before === undefined) found.set(entry.name, [entry]);
    else if (isRepeatable(entry, options.spellings)) before.push(entry);
    else if (!options.lenient) throw duplicate(entry, before[0]!);
  }
  const listen = found.get(LISTEN)?.[0];
  found.delete(LISTEN);
  const given = { options: [...found.values()].flat(), operands };
  return listen === undefined ? given : { ...given, listen };
}

function isRepeatable({ written }: Given, spellings: Spellings): boolean {
  return spellings.get(written.replace(/^--/, ""))?.repeatable === true;
}

function duplicate({ written, place }: Given, before: Given): UsageError {
  const first = before.place === undefined ? "" : `, first given at ${formatPlace(before.place)}`;
  const name = written.replace(/^--/, "");
  return locateAt(new UsageError(withName(`duplicate option '${name}'${first}`)), place);
}

type Reading = ReadOptions & { readonly count: { files: number } };

/** @param including The real paths of the files that include this one. */
function* entries(
  config: ConfigFile,
  including: readonly { real: string; file: string }[],
  options: Reading,
): Generator<Given> {
  const { path, file, from } = config, { files, lenient } = options;
  const real = reading(config, () => files.realPath(path));
  const cycle = including.findIndex((one) => one.real === real);
  if (cycle >= 0) {
    const names = [...including.slice(cycle), { file }].map((one) => one.file).join(" -> ");
    throw locateAt(new UsageError(withName(`files include each other: ${names}`)), from);
  }
  if (++options.count.files > MAX_FILES) {
    throw locateAt(new UsageError(withName(`more than ${MAX_FILES} files are included`)), from);
  }
  for (const line of configLines(reading(config, () => files.read(path)), file)) {
    const place = { file, line: line.line };
    try {
      if (line.word !== INCLUDE) yield entryOf(line, place, options.spellings);
      else {
        for (const included of includedBy(line, { config, place, files })) {
          yield* entries(included, [...including, { real, file }], options);
        }
      }
    } catch (error) {
      if (!lenient || !(error instanceof ExitError)) throw locateAt(error, place);
    }
  }
}

/** The files that `include` names. */
function includedBy(
  { rest }: ConfigLine,
  { config, place, files }: { config: ConfigFile; place: Place; files: FileAccess },
): ConfigFile[] {
  if (rest === "") throw new UsageError(withName(`'${INCLUDE}' requires a file`));
  const isAbsolute = rest.startsWith("/"), directory = directoryOf(config.path);
  const pattern = isAbsolute ? rest : `${directory}${rest}`;
  const shown = (path: string) =>
    isAbsolute ? path : `${directoryOf(config.file)}${path.slice(directory.length)}`;
  if (!isGlob(rest)) return [{ path: pattern, file: shown(pattern), from: place }];
  // A wildcard in the name of the directory itself is an ordinary character.
  const base = isAbsolute ? "" : directory.slice(0, -1);
  const list = (path: string) =>
    reading({ path, file: shown(path), from: place }, () => files.list(`${base}${path}`));
  return glob(isAbsolute ? rest : `/${rest}`, list)
    .map((path) => `${base}${path}`)
    .map((path) => ({ path, file: shown(path), from: place }));
}

/** The directory of a file, with a slash at its end; empty if the path has none. */
function directoryOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/") + 1);
}

function reading<T>({ file, from }: ConfigFile, read: () => T): T {
  try {
    return read();
  } catch (error) {
    const what = `can't read configuration file [${file}]: ${systemReason(error)}`;
    throw locateAt(new ExitError(withName(what), EXIT.noInput), from);
  }
}
