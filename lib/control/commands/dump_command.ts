/**
 * The command for the packet dump: `dump`, `dump on`, `dump off`. The dump itself is started and
 * stopped by lib/service/dump_on_off.ts.
 */

import { channelText, parseChannelText } from "../../base/connection_info.ts";
import { messageOf } from "../../base/errors.ts";
import { STDOUT } from "../../base/stdout.ts";
import { DUMP_FORMATS } from "../../dump/formats/format.ts";
import { describeDump, type DumpTexts } from "../../dump/settings.ts";
import type { Table } from "../../table/table.ts";
import {
  type Command,
  CommandError,
  type DumpStatus,
  message,
  tooManyWords,
  usageError,
} from "./command.ts";

export const DUMP: Command = {
  name: "dump",
  args: [],
  optional: "[--json] | on ... | off",
  help: "show, start or stop the packet dump: on [FORMAT] [FILE] [client CIDR] " +
    "[channel G.N] [conn ID]",
  quotes: true,
  words: { max: Infinity },
  next: nextWords,
  run: async ({ dump, table }, _session, [what, ...words]) => {
    if (words.length > 0 && (what === "off" || what === "--json")) throw tooManyWords(DUMP);
    switch (what) {
      case undefined:
        return { text: statusText(dump.status()) };
      case "--json":
        return message(JSON.stringify(statusJson(dump.status())));
      case "on": {
        const texts = parseWords(words);
        requireChannel(table, texts.channel);
        // Wrong arguments, or a file that cannot be created. Bugs in balance are reported, too.
        const status = await dump.on(texts).catch((error) => {
          throw new CommandError(messageOf(error));
        });
        return { text: heading(status) };
      }
      case "off":
        if (await dump.off()) return message("dump off");
        throw new CommandError("dump is already off");
      default:
        throw usageError(DUMP);
    }
  },
};

/** Words of `dump on` that take a value: the `--dump-*` options, and `conn`. */
const KEYS: Readonly<Record<string, keyof DumpTexts>> = {
  client: "client",
  channel: "channel",
  conn: "connection",
  match: "match",
  bytes: "bytes",
  side: "side",
  prefix: "prefix",
  rotate: "rotate",
  overflow: "overflow",
};

/** What the shell completes. */
function nextWords([what, ...words]: readonly string[]): readonly string[] {
  if (what === undefined) return ["on", "off", "--json"];
  if (what !== "on") return [];
  const last = words.at(-1) ?? "";
  // A word that is given already is a value, or its pair is complete.
  const isKey = Object.hasOwn(KEYS, last) && words.filter((word) => word === last).length === 1;
  if (isKey) return VALUES[last] ?? [];
  return [...(words.length === 0 ? DUMP_FORMATS : []), ...Object.keys(KEYS)];
}

/** Values of the words of `dump on` that the shell completes. */
const VALUES: Readonly<Record<string, readonly string[]>> = {
  channel: ["<G.N>"],
  conn: ["<id>"],
};

/** Parses `[FORMAT] [FILE]` and pairs of a word and its value. */
function parseWords(words: readonly string[]): DumpTexts {
  const texts: { -readonly [Key in keyof DumpTexts]: DumpTexts[Key] } = {};
  const rest = [...words];
  if (DUMP_FORMATS.some((format) => format === rest[0])) texts.format = rest.shift();
  if (rest[0] !== undefined && !Object.hasOwn(KEYS, rest[0])) texts.file = rest.shift();
  while (rest.length > 0) {
    const [word = "", value] = rest.splice(0, 2);
    const key = Object.hasOwn(KEYS, word) ? KEYS[word] : undefined;
    if (key === undefined) throw wrongWord(`unknown word [${word}]`);
    if (texts[key] !== undefined) throw wrongWord(`[${word}] is given twice`);
    if (value === undefined) throw wrongWord(`no value for [${word}]`);
    texts[key] = value;
  }
  return texts;
}

/** Refuses a channel that does not exist, as at the start: the dump would stay empty. */
function requireChannel(table: Table, text: string | undefined): void {
  const found = text === undefined ? undefined : parseChannelText(text);
  if (found === undefined || table.exists(found.group, found.channel)) return;
  throw new CommandError(`no such channel ${channelText(found)}`);
}

function wrongWord(reason: string): CommandError {
  return new CommandError(`${reason}: dump on [format] [file] [word value] ...`);
}

function statusText(status: DumpStatus | undefined): string {
  if (status === undefined) return "dump off\n";
  const { since, chunks, bytes, dropped } = status;
  return heading(status) +
    `  since   ${new Date(since).toISOString().slice(0, 19)}Z\n` +
    `  written ${chunks} chunks, ${bytes} bytes\n` +
    `  dropped ${dropped}\n`;
}

/** What is dumped, and to which file if that is not the given one. */
function heading({ settings, path, waitsForReader }: DumpStatus): string {
  const file = path !== settings.file && path !== STDOUT ? `  file    ${path}\n` : "";
  const wait = waitsForReader ? "  waiting for a reader of the named pipe\n" : "";
  return `dump on: ${describeDump(settings)}\n${file}${wait}`;
}

function statusJson(status: DumpStatus | undefined): unknown {
  if (status === undefined) return { on: false };
  const { settings, since, ...counts } = status;
  return { on: true, ...settings, since: new Date(since).toISOString(), ...counts };
}
