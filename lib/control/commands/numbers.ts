import { channelText, parseChannelText } from "../../base/connection_info.ts";
import type { Table } from "../../table/table.ts";
import { CommandError } from "./command.ts";

/**
 * Reads a number of a command. 3.35 read any other text as 0, so `disable x` disabled channel 0;
 * here it is refused (deviation 11 in balance(1)).
 *
 * @returns An integer of at most 15 digits.
 * @throws {CommandError} If the text is not a number.
 */
export function readNumber(text: string): number {
  if (!/^[+-]?\d{1,15}$/.test(text)) throw new CommandError(`invalid number [${text}]`);
  return Number(text);
}

/**
 * Reads the number of a group.
 *
 * @throws {CommandError} If the text is not a number, or out of range.
 */
export function readGroup(table: Table, text: string): number {
  const group = readNumber(text);
  if (group < 0 || group >= table.size.groups) throw new CommandError("value out of range");
  return group;
}

/** The message of some commands of 3.35 for a channel that does not exist. */
export const UNKNOWN_CHANNEL = "unknown channel";

/** A channel that exists. */
export interface NamedChannel {
  readonly group: number;
  readonly channel: number;
  /** As it was given: `N` in the current group, or `G.N`. */
  readonly name: string;
}

/**
 * Reads a channel: `N` in the current group, or `G.N`.
 *
 * @param current The current group.
 * @param options `unknown`: the message if there is no channel `N`; default `no such channel N`.
 * @throws {CommandError} If the text is not a channel, or if it does not exist.
 */
export function readChannel(
  table: Table,
  current: number,
  options: { text: string; unknown?: string },
): NamedChannel {
  const full = parseChannelText(options.text);
  const { group, channel } = full ?? { group: current, channel: readNumber(options.text) };
  const name = full === undefined ? String(channel) : channelText(full)!;
  if (table.exists(group, channel)) return { group, channel, name };
  const message = full === undefined ? options.unknown : undefined;
  throw new CommandError(message ?? `no such channel ${name}`);
}
