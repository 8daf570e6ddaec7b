import { splitAttributes } from "../address/channel_spec.ts";
import { closest } from "../address/closest.ts";
import { suggestion } from "../address/faults.ts";
import { UsageError, withName } from "../base/errors.ts";
import { type Given, longNames, type Spellings } from "./given.ts";
import type { ConfigLine } from "./lines.ts";
import type { Place } from "./place.ts";

/** The word for the port in a file. */
export const LISTEN = "listen";
/** The word that includes other files. */
export const INCLUDE = "include";

/**
 * What a line of a configuration file means: an option, the port (an option named
 * {@linkcode LISTEN}), or a channel or separator. Pure.
 *
 * @throws {UsageError} If it is something else; the error names no place.
 */
export function entryOf(
  { word, rest, text }: ConfigLine,
  place: Place,
  spellings: Spellings,
): Given {
  if (word.startsWith("-") && word !== "-") throw dashes(word, spellings);
  if (/^=($|[ \t])/.test(rest) && (word === LISTEN || spellings.has(word))) {
    throw wrong(`invalid line [${word} ${rest}]: a blank alone separates '${word}' from its value`);
  }
  if (word === LISTEN) {
    if (rest === "") throw wrong(`'${LISTEN}' requires a port`);
    if (/[ \t]/.test(rest)) throw wrong(`invalid port [${rest}]: want one port`);
    const [, host, port] = /^\[?([^[]*?)\]?:(\w+)$/.exec(rest) ?? [];
    if (host !== undefined) {
      throw wrong(`invalid port [${rest}]: want two lines: listen ${port}, bind ${host || "HOST"}`);
    }
    return { name: LISTEN, value: rest, written: LISTEN, place };
  }
  const option = word.length > 1 ? spellings.get(word) : undefined;
  if (option !== undefined) {
    const { name, takesArgument, commandLineOnly } = option, written = `--${word}`;
    if (commandLineOnly) throw wrong(`'${word}' belongs on the command line, not in a file`);
    if (!takesArgument) {
      if (rest !== "") throw wrong(`option '${word}' doesn't allow an argument [${rest}]`);
      return { name, written, place };
    }
    if (rest === "") throw wrong(`option '${word}' requires an argument`);
    return { name, value: rest, written, place };
  }
  // An attribute may contain blanks, as in check=exec:/bin/probe a b.
  if (rest !== "" && splitAttributes(word).attributes.length > 0) {
    return { value: text, written: text, place };
  }
  if (rest !== "") throw notOneWord(word, rest, spellings);
  const [, before = ""] = /^([^=,]*)=/.exec(word) ?? [];
  if (before === LISTEN || (before.length > 1 && spellings.has(before))) {
    throw wrong(`invalid line [${word}]: a blank alone separates '${before}' from its value`);
  }
  const hint = meantOption(word, spellings);
  return { value: word, written: word, place, ...(hint === undefined ? {} : { hint }) };
}

function wrong(reason: string): UsageError {
  return new UsageError(withName(reason));
}

function dashes(word: string, spellings: Spellings): UsageError {
  const bare = word.replace(/^-+/, "").replace(/=.*/s, ""), meant = longNameOf(bare, spellings);
  return wrong(`unrecognized option '${word}': a file has no dashes${suggestion(meant)}`);
}

/** More than one word, and the first one is no option. */
function notOneWord(word: string, rest: string, spellings: Spellings): UsageError {
  const name = word.replace(/[=:]$/, "");
  if (name !== word && (name === LISTEN || spellings.has(name))) {
    return wrong(
      `invalid line [${word} ${rest}]: a blank alone separates '${name}' from its value`,
    );
  }
  if (/^[!%]$/.test(word) || /[:.[\]]/.test(word)) {
    return wrong(`invalid line [${word} ${rest}]: want one channel or separator on each line`);
  }
  const meant = longNameOf(name, spellings);
  return wrong(`unrecognized option '${word}' [${rest}]${suggestion(meant)}`);
}

/** The long name that a letter or a mistyped word stands for. */
function longNameOf(word: string, spellings: Spellings): string | undefined {
  const name = spellings.get(word)?.name;
  const words = [...longNames(spellings), LISTEN, INCLUDE];
  if (name === undefined) return closest(word, words);
  return words.find((long) => spellings.get(long)?.name === name);
}

/** What to add if the host of a channel is unknown: it may be a flag. */
function meantOption(word: string, spellings: Spellings): string | undefined {
  const meant = /^[\w-]+$/.test(word) ? longNameOf(word, spellings) : undefined;
  return meant === undefined ? undefined : `no such host; did you mean the option ${meant}?`;
}
