/** The table of all control commands, and the commands about the shell and the whole program. */

import { counted } from "../../base/integers.ts";
import { NAME, VERSION } from "../../base/version.ts";
import { show, showJson } from "../../table/show.ts";
import { ACCESS, ALLOW, DENY } from "./access_commands.ts";
import { CHECK, CHECKS, WEIGHT } from "./backend_commands.ts";
import { ASSIGN, CREATE, DISABLE, ENABLE, MAXC, REMOVE, RESET } from "./channel_commands.ts";
import {
  type Command,
  CommandError,
  helpLine,
  helpText,
  message,
  readCommand,
  usageError,
} from "./command.ts";
import { CLOSE, CONNS } from "./connection_commands.ts";
import { DRAIN, UNDRAIN } from "./drain_command.ts";
import { DUMP } from "./dump_command.ts";
import { GROUP, HASH, RR, SCHEDULE } from "./group_commands.ts";
import { MRTG_BYTES, MRTG_CONNS } from "./mrtg_commands.ts";
import { ACCEPT_RATE, PER_CLIENT } from "./limit_commands.ts";
import { FORGET, HEALTH, INSTANCES, RELOAD, SAVE } from "./program_commands.ts";
import { topCommand } from "./top_command.ts";

const QUIT: Command = {
  name: "quit",
  args: [],
  help: "leave the shell",
  run: () => ({ text: "", effect: "quit" }),
};

const EXIT: Command = { ...QUIT, name: "exit", help: "leave the shell, like quit" };

const SHOW: Command = {
  name: "show",
  args: [],
  optional: "[--json]",
  words: { max: 1 },
  next: (words) => words.length === 0 ? ["--json"] : [],
  help: "show all channels",
  run: ({ table, engine }, _session, [form]) => {
    if (form !== undefined && form !== "--json") throw usageError(SHOW);
    return { text: form === "--json" ? showJson(table, engine) : show(table) };
  },
};

const HELP: Command = {
  name: "help",
  args: [],
  optional: "[command]",
  words: { max: 1 },
  next: (words) => words.length === 0 ? ["<command>"] : [],
  help: "list the commands, or show the form of one",
  run: (_context, _session, [word]) => {
    if (word === undefined) return { text: helpText(COMMANDS) };
    const command = readCommand(COMMANDS, word)?.command;
    if (command === undefined) throw new CommandError(`no such command [${word}]`);
    return { text: helpLine(command) };
  },
};

const KILL: Command = {
  name: "kill",
  args: [],
  help: "graceful shutdown without a time limit",
  wholeWord: true,
  run: async ({ lifecycle }) => {
    const state = lifecycle.stopping ? "in progress" : "started";
    await lifecycle.stop();
    const { open, graceLeftMs } = lifecycle;
    const limit = graceLeftMs === undefined
      ? ""
      : ` or in ${counted(Math.ceil(graceLeftMs / 1000), "second")}`;
    const text = open === 0
      ? "shutdown complete, exiting."
      : `shutdown ${state}, ${counted(open, "connection")} left, exiting when they end${limit}.`;
    return { ...message(text), effect: "stop" };
  },
};

const VERSION_COMMAND: Command = {
  name: "version",
  args: [],
  help: "print version, limits and engine",
  run: ({ table: { size }, engine }) => ({
    text: `  This is ${NAME} ${VERSION}\n` +
      `  MAXGROUPS=${size.groups}\n  MAXCHANNELS=${size.channels}\n  ENGINE=${engine}\n`,
  }),
};

/**
 * All commands. An abbreviation selects the first match, so the order is part of the interface: the
 * order of 3.35, then newer commands.
 */
// deno-fmt-ignore
export const COMMANDS: readonly Command[] = [
  QUIT, SHOW, HELP, { ...HELP, name: "?" }, KILL, DISABLE, GROUP, RESET, ENABLE, CREATE, MAXC,
  MRTG_BYTES, MRTG_CONNS, VERSION_COMMAND, HASH, RR,
  ASSIGN, REMOVE, CONNS, CLOSE, topCommand(), DUMP, EXIT,
  DRAIN, UNDRAIN, WEIGHT, SCHEDULE, CHECK, CHECKS,
  SAVE, FORGET, HEALTH, INSTANCES, RELOAD,
  ACCESS, ALLOW, DENY,
  PER_CLIENT, ACCEPT_RATE,
];
