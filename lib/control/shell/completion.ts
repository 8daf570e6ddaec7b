/** What may follow the text of a command. Pure. */

import { splitCommands, splitWords } from "../text/words.ts";
import { type Command, readCommand } from "../commands/command.ts";

/** Words that may follow a text. */
export interface Offer {
  /** The start of the last word, which they replace; `""` after a blank. */
  readonly word: string;
  /** Words, and placeholders in angle brackets; see `next` of {@link Command}. */
  readonly words: readonly string[];
}

/** What placeholders stand for. */
export interface Known {
  /** The current group. */
  readonly group: number;
  readonly channels: readonly { readonly group: number; readonly channel: number }[];
  /** Numbers of connections. */
  readonly ids: readonly number[];
}

/**
 * What may follow a text.
 *
 * @param text The line before the cursor. Only its last command counts.
 */
export function offer(commands: readonly Command[], text: string): Offer {
  const command = splitCommands(text).at(-1) ?? "";
  const all = splitWords(command);
  const word = /\s$/.test(command) ? "" : all.pop() ?? "";
  if (all.length === 0) return { word, words: namesOf(commands) };
  // A quoted word cannot be completed, nor can what follows one.
  const isQuoted = [...all, word].some((one) => /^["']/.test(one));
  const found = readCommand(commands, all.join(" "));
  if (found?.command === undefined || isQuoted) return { word, words: [] };
  const { args, next = (words) => args.slice(words.length, words.length + 1) } = found.command;
  return { word, words: next(found.words) };
}

/** Whether an offer depends on channels or connections. */
export function needsKnown({ words }: Offer): boolean {
  return words.some((word) => /^<(channel|G\.N|group|id)>$/.test(word));
}

/** The words of an offer that start with what was typed. */
export function candidates(
  { word, words }: Offer,
  commands: readonly Command[],
  known: Known,
): string[] {
  const all = words.flatMap((one) => expanded(one, commands, known));
  return [...new Set(all)].filter((one) => one.startsWith(word));
}

function expanded(word: string, commands: readonly Command[], known: Known): string[] {
  const { group, channels, ids } = known;
  const full = channels.map((one) => `${one.group}.${one.channel}`);
  switch (word) {
    case "<channel>":
      return [
        ...channels.filter((one) => one.group === group).map(({ channel }) => String(channel)),
        ...full,
      ];
    case "<G.N>":
      return full;
    case "<group>":
      return channels.map((one) => String(one.group));
    case "<id>":
      return ids.map(String);
    case "<command>":
      return namesOf(commands);
    default:
      return word.startsWith("<") ? [] : [word];
  }
}

/** The names of all commands but `?`, which is as long as its completion. */
function namesOf(commands: readonly Command[]): string[] {
  return commands.map(({ name }) => name).filter((name) => name !== "?");
}
