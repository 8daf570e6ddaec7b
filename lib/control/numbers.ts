import type { Table } from "../table/table.ts";
import { refusal, type Reply } from "./command.ts";

/**
 * Reads a number of a command. 3.35 read any other text as 0, so `disable x` disabled channel 0;
 * here it is refused (deviation 11 in balance(1)).
 *
 * @param text The word.
 * @returns An integer of up to 15 digits, or the refusal.
 */
export function readNumber(text: string): number | Reply {
  return /^[+-]?\d{1,15}$/.test(text) ? Number(text) : refusal(`invalid number [${text}]`);
}

/**
 * Reads the number of a channel.
 *
 * @param table Where the channel must exist.
 * @param group The group of the channel.
 * @param options The word, and the message for a channel that does not exist.
 */
export function readChannel(
  table: Table,
  group: number,
  options: { text: string; unknown: (channel: number) => string },
): number | Reply {
  const channel = readNumber(options.text);
  if (typeof channel !== "number") return channel;
  return table.exists(group, channel) ? channel : refusal(options.unknown(channel));
}

/** The two messages of 3.35 for a channel that does not exist; each command has its own. */
export const noSuchChannel = (channel: number): string => `no such channel ${channel}`;
/** See {@link noSuchChannel}. */
export const unknownChannel = (): string => "unknown channel";
