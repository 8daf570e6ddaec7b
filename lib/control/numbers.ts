import type { Table } from "../table/table.ts";
import { refusal, type Reply } from "./command.ts";

/**
 * Reads a number of a command. 3.35 took everything that is none as 0, so that `disable x`
 * disabled channel 0; here it is refused (deviation 11 in balance(1)).
 *
 * @param text The word.
 * @returns An integer of any size, or the reply that refuses it.
 */
export function readNumber(text: string): number | Reply {
  return /^[+-]?\d{1,15}$/.test(text) ? Number(text) : refusal(`invalid number [${text}]`);
}

/**
 * Reads the number of a channel of a group.
 *
 * @param table Where the channel must exist.
 * @param group The group.
 * @param options The word, and the reply for a channel that does not exist.
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
