/**
 * The command for the packet dump: `dump`, `dump on`, `dump off`. The dump itself is started and
 * stopped by lib/process/dump_on_off.ts.
 */

import { messageOf } from "../../base/errors.ts";
import { STDOUT } from "../../base/stdout.ts";
import { DUMP_FORMATS } from "../../dump/formats/format.ts";
import { describeDump, type DumpTexts } from "../../dump/settings.ts";
import { type Command, CommandError, type DumpStatus, message, syntaxError } from "./command.ts";

export const DUMP: Command = {
  name: "dump",
  args: [],
  optional: "[--json] | on ... | off",
  help: "show, start or stop the packet dump: on [FORMAT] [FILE] [client CIDR] " +
    "[channel G.N] [conn ID]",
  quotes: true,
  run: async ({ dump }, _session, [what, ...words]) => {
    switch (what) {
      case undefined:
        return { text: statusText(dump.status()) };
      case "--json":
        return message(JSON.stringify(statusJson(dump.status())));
      case "on": {
        // Wrong arguments, or a file that cannot be created. Bugs in balance are reported, too.
        const { settings } = await dump.on(parseWords(words)).catch((error) => {
          throw new CommandError(messageOf(error));
        });
        return message(`dump on: ${describeDump(settings)}`);
      }
      case "off":
        if (await dump.off()) return message("dump off");
        throw new CommandError("dump is already off");
      default:
        throw syntaxError();
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
  rotate: "rotate",
  overflow: "overflow",
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
    if (key === undefined || value === undefined || texts[key] !== undefined) throw syntaxError();
    texts[key] = value;
  }
  return texts;
}

function statusText(status: DumpStatus | undefined): string {
  if (status === undefined) return "dump off\n";
  const { settings, since, path, chunks, bytes, dropped } = status;
  const lines = [`dump on: ${describeDump(settings)}`];
  if (path !== settings.file && path !== STDOUT) lines.push(`  file    ${path}`);
  lines.push(
    `  since   ${new Date(since).toISOString().slice(0, 19)}Z`,
    `  written ${chunks} chunks, ${bytes} bytes`,
    `  dropped ${dropped}`,
  );
  return lines.map((line) => `${line}\n`).join("");
}

function statusJson(status: DumpStatus | undefined): unknown {
  if (status === undefined) return { on: false };
  const { settings, since, ...counts } = status;
  return { on: true, ...settings, since: new Date(since).toISOString(), ...counts };
}
