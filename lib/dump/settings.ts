/** The settings of a dump, from the command line or the words of `dump on`. */

import { about, UsageError } from "../base/errors.ts";
import { STDERR, STDOUT, withoutStreamAlias } from "../base/stdout.ts";
import { isPerConnection } from "./file_name.ts";
import { type FilterOptions, parseDumpFilter } from "./filter.ts";
import { formatOfFile } from "./format_of_file.ts";
import { DUMP_FORMATS, DUMP_SIDES, type DumpFormatName, type DumpSide } from "./formats/format.ts";
import { parsePrefix, type PrefixField } from "./formats/text_lines.ts";
import { parseRotation, type Rotation } from "./rotation.ts";

/** What happens when the reader of a dump is slow: senders wait, or chunks are dropped. */
const DUMP_OVERFLOWS = ["block", "drop"] as const;

/** One of {@link DUMP_OVERFLOWS}. */
export type DumpOverflow = typeof DUMP_OVERFLOWS[number];

/** Settings as given on the command line or to `dump on`, unparsed; see {@link DumpSettings}. */
export interface DumpTexts extends FilterOptions {
  readonly format?: string | undefined;
  readonly file?: string | undefined;
  /** `SIZE[,COUNT]`. */
  readonly rotate?: string | undefined;
  readonly side?: string | undefined;
  /** Names of fields, separated by commas; for the text format only. */
  readonly prefix?: string | undefined;
  readonly overflow?: string | undefined;
}

/** Checked settings of a dump. A plain record. */
export interface DumpSettings {
  readonly format: DumpFormatName;
  /** A path with placeholders, or `-`. */
  readonly file: string;
  readonly side: DumpSide;
  /** What each line starts with; absent for nothing. */
  readonly prefix?: readonly PrefixField[];
  readonly overflow: DumpOverflow;
  readonly rotate?: Rotation | undefined;
  /** Unparsed, see {@link parseDumpFilter}. */
  readonly filter: FilterOptions;
}

/** `-p` alone, the dump of 3.35: text on standard output. */
export const CLASSIC_DUMP: DumpSettings = {
  format: "text",
  file: STDOUT,
  side: "client",
  overflow: "block",
  filter: {},
};

const FILTERS = ["client", "channel", "connection", "match", "bytes"] as const;

/**
 * Parses settings. The default of the format depends on the file name, see {@link formatOfFile}.
 *
 * @param base Its output is used unless a file or format is given, and its filters unless a filter
 *     is given.
 * @throws {UsageError} If one of them is invalid, or they contradict each other; its subject is the
 * name of the text.
 */
export function parseDumpSettings(
  texts: DumpTexts,
  base: DumpSettings = CLASSIC_DUMP,
): DumpSettings {
  const isNew = texts.file !== undefined || texts.format !== undefined;
  const { format, side, prefix, overflow, rotate, ...defaults } = isNew ? CLASSIC_DUMP : base;
  const file = texts.file === undefined ? defaults.file : withoutStreamAlias(texts.file);
  // Throws if the name is invalid.
  about("file", () => isPerConnection(file));
  const given = texts.prefix;
  const lineStart = given === undefined ? prefix : about("prefix", () => parsePrefix(given));
  const filters = FILTERS.filter((name) => texts[name] !== undefined);
  const settings: DumpSettings = {
    format: oneOf(DUMP_FORMATS, { text: texts.format, what: "format" }) ??
      (isNew ? about("file", () => formatOfFile(file)) : format),
    file,
    side: oneOf(DUMP_SIDES, { text: texts.side, what: "side" }) ?? side,
    ...(lineStart === undefined ? {} : { prefix: lineStart }),
    overflow: oneOf(DUMP_OVERFLOWS, { text: texts.overflow, what: "overflow" }) ?? overflow,
    rotate: texts.rotate === undefined ? rotate : rotationOf(texts.rotate),
    filter: filters.length === 0
      ? defaults.filter
      : Object.fromEntries(filters.map((name) => [name, texts[name]])),
  };
  check(settings, texts);
  return settings;
}

/** Whether a dump is that of 3.35, byte for byte. */
export function isClassic(settings: DumpSettings): boolean {
  const { format, file, side, prefix, overflow, filter } = settings;
  return format === "text" && file === STDOUT && side === "client" && overflow === "block" &&
    prefix === undefined &&
    Object.keys(filter).length === 0;
}

/** The settings in words for `dump`, for example `pcapng to /tmp/x.pcapng, client 10.0.0.0/8`. */
export function describeDump({ format, file, side, prefix, filter }: DumpSettings): string {
  const parts = [`${format} to ${file === STDOUT ? "standard output" : file}`];
  if (side !== "client") parts.push(`side ${side}`);
  if (prefix !== undefined) parts.push(`prefix ${prefix.join(",")}`);
  for (const name of FILTERS) {
    const value = filter[name];
    if (value !== undefined) parts.push(`${name} ${value}`);
  }
  return parts.join(", ");
}

function check({ format, file, filter, rotate }: DumpSettings, texts: DumpTexts): void {
  const { bytes } = parseDumpFilter(filter);
  if (file === STDERR) {
    throw new UsageError(
      `invalid dump file [${file}]: standard error is for messages, use -`,
      "file",
    );
  }
  if (rotate !== undefined && file === STDOUT) {
    throw new UsageError("a dump to standard output cannot be rotated", "rotate");
  }
  if (format !== "text") {
    if (texts.prefix === undefined) return;
    const reason = "only the text format has one";
    throw new UsageError(`invalid dump prefix [${texts.prefix}]: ${reason}`, "prefix");
  }
  if (bytes === 0) {
    const reason = "the text format cannot leave out all bytes";
    throw new UsageError(`invalid number of bytes [0]: ${reason}`, "bytes");
  }
}

function rotationOf(text: string): Rotation {
  return about("rotate", () => parseRotation(text));
}

function oneOf<T extends string>(
  words: readonly T[],
  { text, what }: { text: string | undefined; what: string },
): T | undefined {
  if (text === undefined) return undefined;
  const found = words.find((word) => word === text);
  if (found === undefined) {
    throw new UsageError(`invalid dump ${what} [${text}]: want ${words.join(", ")}`, what);
  }
  return found;
}
