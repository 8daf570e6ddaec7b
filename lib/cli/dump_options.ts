import { UsageError, withName } from "../base/errors.ts";
import { STDOUT } from "../base/stdout.ts";
import { type DumpSettings, type DumpTexts, parseDumpSettings } from "../dump/settings.ts";
import { type Arguments, typed } from "./arguments.ts";

/** Names of the dump options, without `dump-`. */
// deno-fmt-ignore
const NAMES = [
  "format", "file", "rotate", "side", "prefix", "client", "channel", "match", "bytes", "overflow",
] as const;

/**
 * Parses `-p` and the options `--dump-*`. Pure.
 *
 * @param mode Only the mode `"balance"` dumps.
 * @returns The settings of the dump; `undefined` for none.
 * @throws {UsageError} If they are invalid or contradict each other.
 */
export function dumpOptions(
  args: Arguments,
  mode: string,
): DumpSettings | undefined {
  const { flags, values } = args;
  if (mode !== "balance") return undefined;
  const texts: DumpTexts = Object.fromEntries(
    NAMES.map((name) => [name, values.get(`dump-${name}`)]),
  );
  if (!flags.has("p") && texts.file === undefined) {
    const given = NAMES.find((name) => texts[name] !== undefined);
    if (given === undefined) return undefined;
    const reason = `--dump-${given} [${texts[given]}] needs -p or --dump-file`;
    throw new UsageError(withName(reason), `dump-${given}`);
  }
  const dump = settingsOf(texts);
  if (dump.file === STDOUT && !flags.has("f")) {
    const isClassic = texts.file === undefined,
      option = isClassic ? typed(args, "p") : "--dump-file -";
    throw new UsageError(
      withName(`${option} needs -f: there is no stdout in the background`),
      isClassic ? "p" : "dump-file",
    );
  }
  return dump;
}

function settingsOf(texts: DumpTexts): DumpSettings {
  try {
    return parseDumpSettings(texts);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    const { message, subject } = error;
    throw new UsageError(withName(message), subject === undefined ? undefined : `dump-${subject}`);
  }
}
