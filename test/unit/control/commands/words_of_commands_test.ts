import { assertEquals } from "@std/assert";
import { formOf } from "../../../../lib/control/commands/command.ts";
import { COMMANDS } from "../../../../lib/control/commands/commands.ts";
import { showJson } from "../../../../lib/table/show.ts";
import { CommandSession } from "../../../helpers/control/command_session.ts";
import { t } from "../../../helpers/t.ts";

const PURE = { permissions: "none" } as const;

t("a word too many is an error of every command, and changes nothing", async () => {
  const hand = new CommandSession();
  const before = showJson(hand.table, "streams");
  for (const command of COMMANDS) {
    const { args, words } = command;
    // The longest line with as many words as the command takes, but for one.
    const most = words?.max === Infinity ? 0 : words?.max ?? args.length;
    // Commands with any number of words check each of them.
    const line = `${command.name}${" 0".repeat(most + 1)}`;
    const { text, failed, effect } = await hand.type(line);
    assertEquals([failed, effect], [true, undefined], line);
    if (words?.max !== Infinity) assertEquals(text, `too many words: ${formOf(command)}\n`);
  }
  assertEquals(showJson(hand.table, "streams"), before);
  await hand.expect({
    "close 5 6": "!too many words: close <id> | channel <channel>",
    "close channel 0 1": "!too many words: close <id> | channel <channel>",
    "show 0": "!usage: show [--json]",
    "dump off now": "!too many words: dump [--json] | on ... | off",
    "dump --json 1": "!too many words: dump [--json] | on ... | off",
    "conns 0.0 1.0": "!too many words: conns [G.N] [client CIDR] [--json]",
    "conns client ::/0 client ::/0": "!too many words: conns [G.N] [client CIDR] [--json]",
    "conns --json --json": "!too many words: conns [G.N] [client CIDR] [--json]",
    "top rate sent": "!too many words: top [key] [--json [count]]",
    "top age age age": "!too many words: top [key] [--json [count]]",
    "top --json 3 4": "!too many words: top [key] [--json [count]]",
    "top --json --json": "!too many words: top [key] [--json [count]]",
    "create 10.0.0.1:99 nonsense": "!invalid port [nonsense]",
  });
}, PURE);

t("an error names the form of the command; 3.35's commands keep its syntax error", async () => {
  await new CommandSession().expect({
    "close": "!usage: close <id> | channel <channel>",
    "close channel": "!usage: close <id> | channel <channel>",
    "remove": "!usage: remove <channel>",
    "dump of": "!usage: dump [--json] | on ... | off",
    "dump on text /x bytes": "!no value for [bytes]: dump on [format] [file] [word value] ...",
    "dump on text /x byte 1": "!unknown word [byte]: dump on [format] [file] [word value] ...",
    "dump on side a side b": "![side] is given twice: dump on [format] [file] [word value] ...",
    "conns client": "!usage: conns [G.N] [client CIDR] [--json]",
    "disable": "!syntax error",
    "assign 0": "!syntax error",
    "bogus": "!syntax error",
    "help maxc":
      "  maxc <channel> <maxc>            limit the connections of a channel, 0 for no limit",
    "help dis": "  disable <channel>                disable a channel: no new connections",
    "help bogus": "!no such command [bogus]",
  });
}, PURE);

t("G.N is accepted wherever a channel is, and answers name it the same way", async () => {
  const hand = new CommandSession();
  await hand.expect({
    "disable 1.0": "channel 1.0 disabled",
    "disable 01.00": "channel 1.0 already disabled",
    "enable 1.0": "channel 1.0 enabled",
    "maxc 1.0 5": "maxc of channel 1.0 changed to 5",
    "reset 1.0": "channel 1.0 counters reset",
    "mrtg-bytes 1.0": "0\n0\nUNKNOWN\ngroup 1 channel 0",
    "mrtg-conns 0.1": "0\nUNKNOWN\nUNKNOWN\ngroup 0 channel 1",
    "assign 1.0 web 80": "!channel must be disabled to assign new address",
    "close channel 1.0": "0 connections of channel 1.0 closed",
    "hash 1": "group 1 set to hash",
    "rr 1": "group 1 set to round robin",
    "hash 4": "!value out of range",
    "rr x": "!invalid number [x]",
    // The current group is still 0.
    "disable 1": "channel 1 disabled",
    "disable 1.1": "!no such channel 1.1",
    "maxc 1.1 5": "!no such channel 1.1",
    "assign 9.9 web 80": "!no such channel 9.9",
    "mrtg-bytes 9.0": "!unknown group",
    "mrtg-bytes 1.7": "!no such channel 1.7",
    "mrtg-bytes 1.0 0": "!invalid number [1.0]",
    "disable 1.": "!invalid number [1.]",
    "disable .1": "!invalid number [.1]",
    "disable 1.0.0": "!invalid number [1.0.0]",
    "disable -1.0": "!invalid number [-1.0]",
  });
  assertEquals(hand.group, 0);
  await hand.type("disable 1.0");
  await hand.expect({
    "assign 1.0 web 81": "channel reassigned",
    "remove 1.0": "channel 1.0 removed",
    "enable 1.0": "!no such channel 1.0",
  });
}, PURE);
