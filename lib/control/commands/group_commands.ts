/** Commands about the current group: `group`, `hash`, `rr`. */

import type { ScheduleName } from "../../table/states.ts";
import { type Command, message } from "./command.ts";
import { readGroup } from "./numbers.ts";

export const GROUP: Command = {
  name: "group",
  args: ["<group>"],
  help: "select the group for the other commands",
  run: ({ table }, session, [text = ""]) => {
    return { text: "", session: { ...session, group: readGroup(table, text) } };
  },
};

export const HASH: Command = {
  name: "hash",
  args: [],
  optional: "[group]",
  words: { max: 1 },
  next: groupNext,
  help: "make the group a hash group",
  run: setType("hash", "hash"),
};

export const RR: Command = {
  name: "rr",
  args: [],
  optional: "[group]",
  words: { max: 1 },
  next: groupNext,
  help: "make the group a round robin group",
  run: setType("rr", "round robin"),
};

function groupNext(words: readonly string[]): readonly string[] {
  return words.length === 0 ? ["<group>"] : [];
}

/** Sets the type of the given group, or of the current one. */
function setType(type: ScheduleName, name: string): Command["run"] {
  return ({ table }, session, [text]) => {
    const group = text === undefined ? session.group : readGroup(table, text);
    table.setSchedule(group, type);
    return message(`group ${group} set to ${name}`);
  };
}
