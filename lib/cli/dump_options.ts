import { UsageError } from "../base/errors.ts";
import { STDOUT } from "../base/stdout.ts";
import {
  type DumpSettings,
  type DumpTexts,
  isClassic,
  parseDumpSettings,
} from "../dump/settings.ts";

/** The packet dump that a command line asks for. */
export interface DumpOptions {
  /** `-p` as in 3.35: the conversation as text on stdout. */
  readonly packetDump: boolean;
  /** Any other dump. */
  readonly dump: DumpSettings | undefined;
}

const NO_DUMP: DumpOptions = { packetDump: false, dump: undefined };

/** Options of the dump; their names without `dump-`. */
const NAMES = [
  "format",
  "file",
  "rotate",
  "side",
  "client",
  "channel",
  "match",
  "bytes",
  "overflow",
] as const;

/**
 * Reads `-p` and the options `--dump-*`. Pure.
 *
 * @param args `text` gives the value of a long option; `p` and `f` whether those were given; only
 *     the mode `"balance"` dumps.
 * @throws {UsageError} If they make no sense.
 */
export function dumpOptions(
  { text, p, f, mode }: {
    text: (name: string) => string | undefined;
    p: boolean;
    f: boolean;
    mode: string;
  },
): DumpOptions {
  if (mode !== "balance") return NO_DUMP;
  const texts: DumpTexts = Object.fromEntries(NAMES.map((name) => [name, text(`dump-${name}`)]));
  const given = NAMES.find((name) => texts[name] !== undefined);
  if (!p && texts.file === undefined) {
    if (given === undefined) return NO_DUMP;
    throw new UsageError(`balance: --dump-${given} [${texts[given]}] needs -p or --dump-file`);
  }
  const settings = settingsOf(texts);
  if (settings.file === STDOUT && !f) {
    const what = texts.file === undefined ? "-p" : "--dump-file -";
    throw new UsageError(
      `balance: ${what} needs -f: in the background there is nowhere to print to`,
    );
  }
  return isClassic(settings)
    ? { packetDump: true, dump: undefined }
    : { packetDump: false, dump: settings };
}

function settingsOf(texts: DumpTexts): DumpSettings {
  try {
    return parseDumpSettings(texts);
  } catch (error) {
    throw error instanceof UsageError ? new UsageError(`balance: ${error.message}`) : error;
  }
}
