/** Commands for MRTG, the Multi Router Traffic Grapher: `mrtg-bytes`, `mrtg-conns`. */

import { parseChannelText } from "../../base/connection_info.ts";
import type { ChannelRow } from "../../table/table.ts";
import { type Command, CommandError, message, syntaxError } from "./command.ts";
import { readChannel, readNumber, UNKNOWN_CHANNEL } from "./numbers.ts";

export const MRTG_BYTES = mrtg("mrtg-bytes", {
  help: "print bytes received and sent, for MRTG",
  values: ({ rcvd, sent }) => `${rcvd}\n${sent}`,
});

export const MRTG_CONNS = mrtg("mrtg-conns", {
  help: "print connection attempts, for MRTG",
  values: ({ totalc }) => `${totalc}\nUNKNOWN`,
});

/**
 * Prints the four lines that MRTG reads: two values, the uptime (unknown), a name. The channel is
 * given by two numbers or as `G.N`.
 */
function mrtg(
  name: string,
  { help, values }: { help: string; values: (row: ChannelRow) => string },
): Command {
  return {
    name,
    args: ["<grp>", "<ch>"],
    words: { min: 1 },
    next: (words) => words.length === 0 ? ["<G.N>"] : [],
    help,
    run: ({ table }, _session, [first = "", second]) => {
      const full = parseChannelText(first);
      if (full !== undefined && second !== undefined) {
        throw new CommandError(`invalid number [${first}]`);
      }
      if (full === undefined && second === undefined) throw syntaxError();
      const current = full?.group ?? readNumber(first);
      if (current < 0 || current >= table.size.groups) throw new CommandError("unknown group");
      const { group, channel } = readChannel(table, current, {
        text: full === undefined ? second! : first,
        unknown: UNKNOWN_CHANNEL,
      });
      return message(
        `${values(table.row(group, channel))}\nUNKNOWN\ngroup ${group} channel ${channel}`,
      );
    },
  };
}
