import type { AddressList } from "../access/access_lists.ts";
import { readAddressList } from "../access/lists/address_list.ts";
import type { Limits } from "../admission/client_limits.ts";
import {
  LIMIT_FAULT,
  parseLimit,
  parseRates,
  type Rates,
  RATES_FAULT,
} from "../admission/limit_texts.ts";
import { about, UsageError, withName } from "../base/errors.ts";
import {
  DEFAULT_CONNECT_TIMEOUT_S,
  DEFAULT_GRACE_S,
  DEFAULT_MAX_CHANNELS,
  DEFAULT_MAX_GROUPS,
  MAX_GRACE_S,
  MAX_RESOLVE_S,
  MAX_TABLE_SIZE,
  MAX_WORKERS,
} from "../base/limits.ts";
import { STDERR, STDOUT, withoutStreamAlias } from "../base/stdout.ts";
import { locate, type Places } from "../config_file/place.ts";
import type { DumpSettings } from "../dump/settings.ts";
import { DEFAULT_ENGINE, ENGINE_NAMES, type EngineName } from "../engine/names.ts";
import {
  type Arguments,
  type ConfigSource,
  type FullArguments,
  readArguments,
  typed,
} from "./arguments.ts";
import { type BackendOptions, backendOptions } from "./backend_options.ts";
import { dumpOptions } from "./dump_options.ts";
import { metricsHosts } from "./metrics_hosts.ts";
import type { Mode } from "./mode.ts";
import { checkDumpChannel, checkOperands } from "./operands.ts";
import { choiceValue, fileValue, integerValue, secondsValue } from "./values.ts";
import { warningsOf } from "./warnings.ts";

/** Formats of the access log. */
export const LOG_FORMATS = ["text", "json"] as const;

/** One of {@link LOG_FORMATS}. */
export type LogFormat = typeof LOG_FORMATS[number];

/** The parsed command line. A plain record. */
export interface Options {
  readonly mode: Mode;
  /** The port argument as given. */
  readonly port: string;
  /** Channels and separators as given. */
  readonly channels: readonly string[];
  readonly autoDisable: boolean;
  readonly bindHost: string | undefined;
  readonly sourceHost: string | undefined;
  /** The control command of `-c`. */
  readonly command: string | undefined;
  readonly debug: boolean;
  readonly foreground: boolean;
  readonly hashFailover: boolean;
  /** The packet dump of `-p`, `--dump-file` and related options. */
  readonly dump: DumpSettings | undefined;
  readonly connectTimeoutS: number;
  /** 0 for no limit. */
  readonly idleTimeoutS: number;
  readonly ipv6: boolean;
  /** `--workers`: isolates that serve connections, at least 1. */
  readonly workers: number;
  /** `--engine`: what accepts, dials and relays. */
  readonly engine: EngineName;
  /** `--grace`: seconds that open connections may take to end after SIGTERM. */
  readonly graceS: number;
  /** `--pid-file` as given. */
  readonly pidFile: string | undefined;
  /** `--state` as given. */
  readonly statePath: string | undefined;
  /** `--freebind`: listen on an address that this host does not have yet. */
  readonly freebind: boolean;
  /** `--strict`: `-c` exits with 1 if the control command fails. */
  readonly strict: boolean;
  /** `--json`: `--list` prints JSON. */
  readonly json: boolean;
  /** `--completions`: name of the shell. */
  readonly completions: string | undefined;
  /** `--log`: a file, `syslog`, or a standard stream; see stdout.ts. */
  readonly log: string | undefined;
  readonly logFormat: LogFormat | undefined;
  /** `--log-start`: log the start of each connection, too. */
  readonly logStarts: boolean;
  /** `--metrics` as given. */
  readonly metrics: string | undefined;
  /** `--metrics-host`: names in lower case, without a dot at the end. */
  readonly metricsHosts: readonly string[];
  /** `--resolve`: seconds between two questions for a name, 0 for once; `ttl`: the times to live. */
  readonly resolveS: number | "ttl";
  readonly maxGroups: number;
  readonly maxChannels: number;
  /** Health checks, schedules and the wait line. */
  readonly backends: BackendOptions;
  /** `--allow`: clients that may connect; with it, all others may not. */
  readonly allow: AddressList | undefined;
  /** `--deny`: clients that may not connect. */
  readonly deny: AddressList | undefined;
  /** `--accept-proxy`: peers that must send a PROXY header. */
  readonly acceptProxy: AddressList | undefined;
  /** `--per-client` and `--accept-rate`. */
  readonly limits: Limits;
  /** `--config`: the absolute path of the file. */
  readonly config: string | undefined;
  /** `--test`: check everything and exit. */
  readonly test: boolean;
  /** `--takeover`: take over the balance that listens there. */
  readonly takeover: boolean;
  /** Where the words from the file stand, for errors; see `locate()`. */
  readonly places: Places;
  /** What is accepted but probably not meant, one sentence each; see `warningLines()`. */
  readonly warnings: readonly string[];
}

const TABLE_RANGE = { min: 1, max: MAX_TABLE_SIZE };

/**
 * Parses the command line, and reads the file that its `--config` names. Nothing is resolved, and
 * nothing else is opened.
 *
 * @param argv Arguments without the program's name.
 * @param source Where the file is read from. To read it again after the working directory has
 * changed, pass the former `Options.config`.
 * @throws {UsageError} If it is invalid; the error names the line of the file.
 * @throws {ExitError} If the file cannot be read (exit code 66).
 * @see balance(1), OPTIONS and FILES
 */
export function parseOptions(argv: readonly string[], source: ConfigSource = {}): Options {
  const full = readArguments(argv, source);
  try {
    return optionsOf(full, source);
  } catch (error) {
    throw locate(error, full.args.places);
  }
}

function optionsOf({ mode, args, config }: FullArguments, source: ConfigSource): Options {
  const { flags, values, operands, places } = args;
  const [port = "", ...channels] = operands;
  checkOperands(mode, args);
  const backends = backendOptions(args, mode);
  const dump = dumpOptions(args, mode);
  about("dump-channel", () => checkDumpChannel(dump?.filter.channel, channels));
  const log = logFile(args);
  const addressList = (name: string) =>
    mode === "balance" ? readAddressList(name, args.given.get(name), source) : undefined;
  if (mode === "balance") checkLogOnStream(args, { log, dumpFile: dump?.file });
  return {
    mode,
    port,
    channels,
    autoDisable: flags.has("a"),
    bindHost: values.get("b"),
    sourceHost: values.get("B"),
    command: values.get("c"),
    debug: flags.has("d"),
    foreground: flags.has("f"),
    hashFailover: flags.has("H"),
    dump,
    connectTimeoutS: secondsValue(args, "t") ?? DEFAULT_CONNECT_TIMEOUT_S,
    idleTimeoutS: secondsValue(args, "T") ?? 0,
    ipv6: flags.has("6"),
    graceS: integerValue(args, "grace", { min: 0, max: MAX_GRACE_S }) ?? DEFAULT_GRACE_S,
    workers: workerCount(args),
    engine: choiceValue(args, "engine", ENGINE_NAMES) ?? DEFAULT_ENGINE,
    pidFile: values.get("pid-file"),
    statePath: fileValue(args, "state"),
    freebind: flags.has("freebind"),
    strict: flags.has("strict"),
    json: flags.has("json"),
    completions: values.get("completions"),
    log,
    logFormat: choiceValue(args, "log-format", LOG_FORMATS),
    logStarts: flags.has("log-start"),
    metrics: values.get("metrics"),
    metricsHosts: metricsHosts(args, mode),
    resolveS: resolveInterval(args),
    maxGroups: integerValue(args, "max-groups", TABLE_RANGE) ?? DEFAULT_MAX_GROUPS,
    maxChannels: integerValue(args, "max-channels", TABLE_RANGE) ?? DEFAULT_MAX_CHANNELS,
    backends,
    allow: addressList("allow"),
    deny: addressList("deny"),
    acceptProxy: addressList("accept-proxy"),
    limits: { perClient: perClient(args), ...acceptRates(args) },
    takeover: flags.has("takeover"),
    config,
    test: flags.has("test"),
    places,
    warnings: warningsOf(mode, args, backends),
  };
}

function logFile({ values }: Arguments): string | undefined {
  const path = values.get("log");
  return path && withoutStreamAlias(path);
}

/** The access log on a standard stream needs the foreground, and stdout for itself. */
function checkLogOnStream(
  args: Arguments,
  { log, dumpFile }: { log: string | undefined; dumpFile: string | undefined },
): void {
  const { flags, values } = args;
  if (log !== STDOUT && log !== STDERR) return;
  const option = `--log ${values.get("log")}`, stream = log === STDOUT ? "stdout" : "stderr";
  if (!flags.has("f")) {
    throw new UsageError(
      withName(`${option} needs -f: there is no ${stream} in the background`),
      "log",
    );
  }
  if (log === dumpFile) {
    const other = flags.has("p") ? typed(args, "p") : "--dump-file -";
    throw new UsageError(withName(`${option} and ${other} both print on stdout`), "log");
  }
}

function perClient({ values }: Arguments): number {
  const text = values.get("per-client") ?? "0", limit = parseLimit(text);
  if (limit !== undefined) return limit;
  throw new UsageError(`invalid --per-client [${text}]: ${LIMIT_FAULT}`, "per-client");
}

function acceptRates({ values }: Arguments): Rates {
  const text = values.get("accept-rate") ?? "0", rates = parseRates(text);
  if (rates !== undefined) return rates;
  throw new UsageError(`invalid --accept-rate [${text}]: ${RATES_FAULT}`, "accept-rate");
}

function resolveInterval(args: Arguments): number | "ttl" {
  if (args.values.get("resolve") === "ttl") return "ttl";
  return integerValue(args, "resolve", { min: 0, max: MAX_RESOLVE_S, word: "ttl" }) ?? 0;
}

function workerCount(args: Arguments): number {
  return args.values.get("workers") === "auto"
    ? Math.min(navigator.hardwareConcurrency, MAX_WORKERS)
    : integerValue(args, "workers", { min: 1, max: MAX_WORKERS, word: "auto" }) ?? 1;
}
