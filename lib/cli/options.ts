import { parseArgs } from "@std/cli/parse-args";
import { UsageError } from "../base/errors.ts";
import { lenientInteger, strictInteger } from "../base/integers.ts";
import {
  DEFAULT_CONNECT_TIMEOUT_S,
  DEFAULT_GRACE_S,
  DEFAULT_MAX_CHANNELS,
  DEFAULT_MAX_GROUPS,
  MAX_GRACE_S,
  MAX_TABLE_SIZE,
  MAX_WORKERS,
} from "../base/limits.ts";
import { NAME } from "../base/version.ts";
import { STDOUT } from "../base/stdout.ts";
import type { DumpSettings } from "../dump/settings.ts";
import { dumpOptions } from "./dump_options.ts";
import { normalizeOptions } from "./getopt.ts";
import { OPTIONS } from "./option_table.ts";

/** Formats of the connection log. */
export const LOG_FORMATS = ["text", "json"] as const;

/** One of {@link LOG_FORMATS}. */
export type LogFormat = typeof LOG_FORMATS[number];

/** What the command line asks for. A plain record: it can be cloned to a worker. */
export interface Options {
  /** `help`, `version`, `completions` print and end; `shell` is -i, `command` is -c. */
  readonly mode: "help" | "version" | "completions" | "balance" | "shell" | "command";
  /** The port argument as it was given. */
  readonly port: string;
  /** Channels and separators as they were given. */
  readonly channels: readonly string[];
  readonly autoDisable: boolean;
  readonly bindHost: string | undefined;
  readonly sourceHost: string | undefined;
  /** The control command of -c. */
  readonly command: string | undefined;
  readonly debug: boolean;
  readonly foreground: boolean;
  readonly hashFailover: boolean;
  /** `-p` as in 3.35: the conversation as text on stdout. */
  readonly packetDump: boolean;
  /** Any other dump, by `--dump-file` and the like. */
  readonly dump: DumpSettings | undefined;
  readonly connectTimeoutS: number;
  /** 0 for no limit. */
  readonly idleTimeoutS: number;
  readonly ipv6: boolean;
  /** `--workers`: isolates that serve, at least 1. */
  readonly workers: number;
  /** `--grace`: seconds that open connections may take to end after SIGTERM. */
  readonly graceS: number;
  /** `--strict`: a control command that fails ends `-c` with exit code 1. */
  readonly strict: boolean;
  /** Hidden: this is the background process, whose parent waits at that socket. */
  readonly reportTo: string | undefined;
  /** `--completions`: the shell they are for. */
  readonly completions: string | undefined;
  /** `--log`: a file, `syslog`, or `-` for stdout. */
  readonly log: string | undefined;
  readonly logFormat: LogFormat | undefined;
  /** `--log-start`: a line when a connection starts, too. */
  readonly logStarts: boolean;
  /** `--metrics` as it was given. */
  readonly metrics: string | undefined;
  readonly maxGroups: number;
  readonly maxChannels: number;
}

const takesArgument = (long: boolean) =>
  Object.fromEntries(
    OPTIONS.filter(({ name }) => (name.length > 1) === long)
      .map(({ name, argument }) => [name, argument !== undefined]),
  );
/** Hidden option of the background process: the socket at which its parent waits. */
export const REPORT_OPTION = "report-to";

const NAMES = {
  letters: takesArgument(false),
  long: { ...takesArgument(true), [REPORT_OPTION]: true },
};
const STRINGS = [
  ...OPTIONS.filter((o) => o.argument !== undefined).map((o) => o.name),
  REPORT_OPTION,
];
const LIMITS = { min: 1, max: MAX_TABLE_SIZE };
const FLAGS = OPTIONS.filter((o) => o.argument === undefined).map((o) => o.name);

/**
 * Reads the command line. Pure: nothing is resolved, opened or looked up.
 *
 * @param argv Arguments without the program's name.
 * @returns What they ask for.
 * @throws {UsageError} If they make no sense.
 * @see balance(1), OPTIONS
 */
export function parseOptions(argv: readonly string[]): Options {
  const args = parseArgs(normalizeOptions(argv, NAMES, NAME), {
    string: STRINGS,
    boolean: FLAGS,
    "--": true,
  });
  const [port, ...channels] = args["--"] ?? [];
  const text = (name: string) => args[name] as string | undefined;
  const flag = (name: string) => args[name] === true;

  const command = text("c");
  const mode = flag("help")
    ? "help"
    : flag("version")
    ? "version"
    : text("completions") !== undefined
    ? "completions"
    : command !== undefined
    ? "command"
    : flag("i")
    ? "shell"
    : "balance";
  const asks = mode === "help" || mode === "version" || mode === "completions";
  if (!asks && (port === undefined || (mode !== "balance" && channels.length > 0))) {
    throw new UsageError("", true);
  }
  const { packetDump, dump } = dumpOptions({ text, p: flag("p"), f: flag("f"), mode });
  if (mode === "balance" && text("log") === "-") {
    if (!flag("f")) {
      throw new UsageError(
        "balance: --log - needs -f: in the background there is nowhere to print to",
      );
    }
    if (packetDump || dump?.file === STDOUT) {
      const what = flag("p") ? "-p" : "--dump-file -";
      throw new UsageError(`balance: --log - and ${what} both print on stdout`);
    }
  }
  return {
    mode,
    port: port ?? "",
    channels,
    autoDisable: flag("a"),
    bindHost: text("b"),
    sourceHost: text("B"),
    command,
    debug: flag("d"),
    foreground: flag("f"),
    hashFailover: flag("H"),
    packetDump,
    dump,
    connectTimeoutS: seconds(text("t")) ?? DEFAULT_CONNECT_TIMEOUT_S,
    idleTimeoutS: seconds(text("T")) ?? 0,
    ipv6: flag("6"),
    graceS: number("grace", text("grace"), { min: 0, max: MAX_GRACE_S }) ?? DEFAULT_GRACE_S,
    workers: workers(text("workers")),
    strict: flag("strict"),
    reportTo: text(REPORT_OPTION),
    completions: text("completions"),
    log: text("log"),
    logFormat: choice("log-format", text("log-format"), LOG_FORMATS),
    logStarts: flag("log-start"),
    metrics: text("metrics"),
    maxGroups: number("max-groups", text("max-groups"), LIMITS) ?? DEFAULT_MAX_GROUPS,
    maxChannels: number("max-channels", text("max-channels"), LIMITS) ?? DEFAULT_MAX_CHANNELS,
  };
}

/** `-t` and `-T`: converted as leniently as 3.35 does; below 1 is a usage error. */
function seconds(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const value = lenientInteger(text);
  if (value < 1) throw new UsageError("", true);
  return value;
}

function workers(text: string | undefined): number {
  if (text === "auto") return Math.min(navigator.hardwareConcurrency, MAX_WORKERS);
  return number("workers", text, { min: 1, max: MAX_WORKERS }) ?? 1;
}

/** One word of several. */
function choice<T extends string>(
  name: string,
  text: string | undefined,
  words: readonly T[],
): T | undefined {
  const found = words.find((one) => one === text);
  if (found === undefined && text !== undefined) {
    throw new UsageError(`invalid --${name} [${text}]: not one of ${words.join(", ")}`);
  }
  return found;
}

/** A number of a long option, checked. */
function number(
  name: string,
  text: string | undefined,
  range: { min: number; max: number },
): number | undefined {
  if (text === undefined) return undefined;
  const value = strictInteger(text, range);
  if (value === undefined) {
    throw new UsageError(
      `invalid --${name} [${text}]: not a number from ${range.min} to ${range.max}`,
    );
  }
  return value;
}
