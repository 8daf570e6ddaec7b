import { absolutePath } from "../native/absolute_path.ts";
import { UsageError } from "../base/errors.ts";
import { type FileAccess, SYSTEM_FILES } from "../config_file/file_access.ts";
import type { Given } from "../config_file/given.ts";
import { locateAt, type Place, type Places } from "../config_file/place.ts";
import { type Configuration, readConfiguration } from "../config_file/read.ts";
import { splitOptions } from "./getopt.ts";
import { type Mode, modeOf } from "./mode.ts";
import { dashed, OPTIONS, SPELLINGS } from "./option_table.ts";
import { wrongUsage } from "./usage_error.ts";

/** A command line split into options and operands. A plain record. */
export interface Arguments {
  /** Options without an argument that were given, without dashes. */
  readonly flags: ReadonlySet<string>;
  /**
   * Options with an argument that were given; the last one counts. Those that may be repeated are
   * joined with commas.
   */
  readonly values: ReadonlyMap<string, string>;
  /** Everything else, in order. */
  readonly operands: readonly string[];
  /** Each option as often as it was given. */
  readonly given: ReadonlyMap<string, readonly Given[]>;
  readonly places: Places;
}

/** Where the configuration file is read from. */
export interface ConfigSource {
  /** How to read. @default the system's files */
  readonly files?: FileAccess;
  /** The absolute path of `--config`, if the working directory has changed since the start. */
  readonly config?: string | undefined;
  /** The working directory at the start, if it has changed since. */
  readonly directory?: string | undefined;
}

/** A command line with what its configuration file adds. */
export interface FullArguments {
  readonly mode: Mode;
  readonly args: Arguments;
  /** The configuration file, absolute. */
  readonly config: string | undefined;
}

/** Modes that need the configuration file. */
const READING: readonly Mode[] = ["balance", "command", "shell"];
/** The options of the file that `-c` and `-i` need. */
const ADDRESS_OPTIONS = ["b", "6"];

/**
 * Splits a command line (without the program's name) into options and operands, and adds those of
 * the file that `--config` names.
 *
 * @throws {UsageError} If an option is unknown or its argument is missing, or a line of the file is
 * wrong.
 * @throws {ExitError} If the file cannot be read (exit code 66).
 */
export function readArguments(argv: readonly string[], source: ConfigSource = {}): FullArguments {
  const args = parseArguments(argv);
  const mode = modeOf(argv, args), file = args.values.get("config");
  if (file === undefined || !READING.includes(mode)) return { mode, args, config: undefined };
  requireOne(args.given.get("config") ?? []);
  if (file === "") throw new UsageError("invalid --config []: want a file");
  const path = source.config ?? absolutePath(file), { files = SYSTEM_FILES } = source;
  const serves = mode === "balance";
  const config = readConfiguration({ path, file }, {
    spellings: SPELLINGS,
    files,
    lenient: !serves,
  });
  const merged = mergeConfiguration(args, serves ? config : addressOf(config));
  if (merged.operands.length === 0) {
    throw locateAt(wrongUsage("the port is missing", " (want listen PORT)"), { file, line: 0 });
  }
  return { mode, args: merged, config: path };
}

/** The last one would replace the others, and with them most of a configuration. */
function requireOne(configs: readonly Given[]): void {
  if (configs.length < 2) return;
  const files = configs.map(({ value }) => `[${value}]`).join(" ");
  throw wrongUsage(
    `more than one --config ${files}`,
    " (a file includes another with: include FILE)",
  );
}

/** Splits a command line into options and operands, without its configuration file. Pure. */
export function parseArguments(argv: readonly string[]): Arguments {
  return gathered(splitOptions(argv, SPELLINGS));
}

/**
 * Adds what a file contains. The command line wins: an option replaces that of the file, except one
 * that may be repeated, which is appended; its first operand replaces the port of the file, and the
 * others follow the channels of the file.
 */
function mergeConfiguration({ given, operands }: Arguments, config: Configuration): Arguments {
  const added = config.options.filter(({ name = "" }) => !given.has(name) || isRepeatable(name));
  const [port = config.listen, ...channels] = operands.map((value): Given => ({
    value,
    written: value,
  }));
  // Without a port, there are no channels either: the first one would be taken for the port.
  const all = port === undefined ? [] : [port, ...config.operands, ...channels];
  return gathered([...added, ...[...given.values()].flat(), ...all]);
}

/** The part of a file that gives the address of a running balance. */
function addressOf({ listen, options }: Configuration): Configuration {
  const address = options.filter(({ name = "" }) => ADDRESS_OPTIONS.includes(name));
  return { options: address, operands: [], ...(listen === undefined ? {} : { listen }) };
}

function gathered(words: readonly Given[]): Arguments {
  const isOption = ({ name }: Given) => name !== undefined && name !== "listen";
  const given = new Map<string, Given[]>(), named = Map.groupBy(words, ({ name = "" }) => name);
  const operands = words.filter((word) => !isOption(word));
  const flags = new Set<string>(), values = new Map<string, string>();
  for (const { name } of OPTIONS) {
    const all = named.get(name);
    if (all === undefined) continue;
    given.set(name, all);
    const texts = all.flatMap(({ value }) => value === undefined ? [] : [value]);
    if (texts.length === 0) flags.add(name);
    else values.set(name, isRepeatable(name) ? texts.join(",") : texts.at(-1)!);
  }
  return {
    flags,
    values,
    operands: operands.map(({ value = "" }) => value),
    given,
    places: placesOf(given, operands),
  };
}

function placesOf(
  given: ReadonlyMap<string, readonly Given[]>,
  [port, ...channels]: readonly Given[],
): Places {
  const options = new Map<string, Place>();
  for (const [name, all] of given) {
    const place = all.at(-1)?.place;
    if (place !== undefined) options.set(name, place);
  }
  if (port?.place !== undefined) options.set("listen", port.place);
  return {
    options,
    channels: channels.map(({ place }) => place),
    hints: channels.map(({ hint }) => hint),
  };
}

function isRepeatable(name: string): boolean {
  return SPELLINGS.get(name)?.repeatable === true;
}

/** How an option was typed last: `-t`, or `--connect-timeout`. */
export function typed({ given }: Arguments, name: string): string {
  return given.get(name)?.at(-1)?.written ?? dashed({ name });
}
