/** Commands about the current group: `group`, `hash`, `rr`. */

import { type Command, CommandError, message } from "./command.ts";
import { readNumber } from "./numbers.ts";

export const GROUP: Command = {
  name: "group",
  args: ["<group>"],
  help: "select the group for the other commands",
  run: ({ table }, _session, [text = ""]) => {
    const group = readNumber(text);
    if (group < 0 || group >= table.size.groups) throw new CommandError("value out of range");
    return { text: "", session: { group } };
  },
};

export const HASH: Command = {
  name: "hash",
  args: [],
  help: "make the group a hash group",
  run: ({ table }, { group }) => {
    table.setType(group, "hash");
    return message(`group ${group} set to hash`);
  },
};

export const RR: Command = {
  name: "rr",
  args: [],
  help: "make the group a round robin group",
  run: ({ table }, { group }) => {
    table.setType(group, "rr");
    return message(`group ${group} set to round robin`);
  },
};
