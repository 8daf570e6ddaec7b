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

/** The message of some commands of 3.35 for a channel that does not exist. */
export const UNKNOWN_CHANNEL = "unknown channel";

/**
 * Reads the number of a channel.
 *
 * @param group The group of the channel.
 * @param options `unknown`: the message if there is no such channel; default `no such channel N`.
 * @throws {CommandError} If the text is not a number, or not that of a channel.
 */
export function readChannel(
  table: Table,
  group: number,
  options: { text: string; unknown?: string },
): number {
  const channel = readNumber(options.text);
  if (table.exists(group, channel)) return channel;
  throw new CommandError(options.unknown ?? `no such channel ${channel}`);
}
