/** Commands about groups: `group`, `hash`, `rr`, `schedule`. */

import { SCHEDULE_NAMES, type ScheduleName } from "../../table/states.ts";
import {
  type Command,
  CommandError,
  type ControlContext,
  message,
  type Reply,
  type Session,
} from "./command.ts";
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
  changes: true,
  run: (context, session, [text]) => setSchedule(context, session, { name: "hash", text }),
};

export const RR: Command = {
  name: "rr",
  args: [],
  optional: "[group]",
  words: { max: 1 },
  next: groupNext,
  help: "make the group a round robin group",
  changes: true,
  run: (context, session, [text]) => setSchedule(context, session, { name: "rr", text }),
};

export const SCHEDULE: Command = {
  name: "schedule",
  args: ["<name>"],
  optional: "[group]",
  words: { min: 1, max: 2 },
  newer: true,
  next: (words) => [SCHEDULE_NAMES, ["<group>"]][words.length] ?? [],
  help: "how the group chooses a channel",
  changes: true,
  run: (context, session, [name = "", text]) => {
    if (isSchedule(name)) return setSchedule(context, session, { name, text });
    throw new CommandError(`invalid schedule [${name}]: not one of ${SCHEDULE_NAMES.join(", ")}`);
  },
};

function isSchedule(name: string): name is ScheduleName {
  return (SCHEDULE_NAMES as readonly string[]).includes(name);
}

function groupNext(words: readonly string[]): readonly string[] {
  return words.length === 0 ? ["<group>"] : [];
}

/** Sets the schedule of a group. @param to `text`: the group's number. Default: the current one. */
function setSchedule(
  { table }: Pick<ControlContext, "table">,
  session: Session,
  to: { name: ScheduleName; text: string | undefined },
): Reply {
  const group = to.text === undefined ? session.group : readGroup(table, to.text);
  table.setSchedule(group, to.name);
  return message(`group ${group} set to ${to.name === "rr" ? "round robin" : to.name}`);
}
