/** Commands for MRTG, the Multi Router Traffic Grapher: `mrtg-bytes`, `mrtg-conns`. */

import type { ChannelRow } from "../../table/table.ts";
import { type Command, CommandError, message } from "./command.ts";
import { readChannel, readNumber, UNKNOWN_CHANNEL } from "./numbers.ts";

export const MRTG_BYTES: Command = {
  name: "mrtg-bytes",
  args: ["<grp>", "<ch>"],
  help: "print bytes received and sent, for MRTG",
  run: mrtg(({ rcvd, sent }) => `${rcvd}\n${sent}`),
};

export const MRTG_CONNS: Command = {
  name: "mrtg-conns",
  args: ["<grp>", "<ch>"],
  help: "print connection attempts, for MRTG",
  run: mrtg(({ totalc }) => `${totalc}\nUNKNOWN`),
};

/** Prints the four lines that MRTG reads: two values, the uptime (unknown), a name. */
function mrtg(values: (row: ChannelRow) => string): Command["run"] {
  return ({ table }, _session, [groupText = "", text = ""]) => {
    const group = readNumber(groupText);
    if (group < 0 || group >= table.size.groups) throw new CommandError("unknown group");
    const channel = readChannel(table, group, { text, unknown: UNKNOWN_CHANNEL });
    const row = table.row(group, channel);
    return message(`${values(row)}\nUNKNOWN\ngroup ${group} channel ${channel}`);
  };
}
