/** Commands for MRTG, the Multi Router Traffic Grapher: `mrtg-bytes`, `mrtg-conns`. */

import type { Command, ControlContext, Reply } from "./command.ts";
import { message, refusal } from "./command.ts";
import { readChannel, readNumber, unknownChannel } from "./numbers.ts";

export const MRTG_BYTES: Command = {
  name: "mrtg-bytes",
  args: ["<grp>", "<ch>"],
  help: "print bytes received and sent, for MRTG",
  run: (context, _session, words) => mrtg(context, words, "bytes"),
};

export const MRTG_CONNS: Command = {
  name: "mrtg-conns",
  args: ["<grp>", "<ch>"],
  help: "print the number of connections, for MRTG",
  run: (context, _session, words) => mrtg(context, words, "conns"),
};

/** The four lines that MRTG reads: two values, the uptime (unknown), a name. */
function mrtg(
  { table }: ControlContext,
  [groupText = "", text = ""]: readonly string[],
  what: "bytes" | "conns",
): Reply {
  const group = readNumber(groupText);
  if (typeof group !== "number") return group;
  if (group < 0 || group >= table.size.groups) return refusal("unknown group");
  const channel = readChannel(table, group, { text, unknown: unknownChannel });
  if (typeof channel !== "number") return channel;
  const { rcvd, sent, totalc } = table.row(group, channel);
  const values = what === "bytes" ? `${rcvd}\n${sent}` : `${totalc}\nUNKNOWN`;
  return message(`${values}\nUNKNOWN\ngroup ${group} channel ${channel}`);
}
