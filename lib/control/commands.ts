/**
 * The commands of the control channel.
 *
 * Their order decides what an abbreviation means and is that of 3.35; newer commands follow, so
 * that none takes an abbreviation away from an old one.
 */

import { parseIpv6 } from "../address/ip.ts";
import { parsePort } from "../address/port.ts";
import { MAXC_RANGE } from "../address/channel_spec.ts";
import { AddressError } from "../base/errors.ts";
import { NAME, VERSION } from "../base/version.ts";
import { show, showJson } from "../table/show.ts";
import type { Command, ControlContext, Reply, Session } from "./command.ts";
import { helpText, refusal } from "./command.ts";
import { CONNECTION_COMMANDS } from "./connection_commands.ts";
import { DUMP_COMMANDS } from "./dump_commands.ts";
import { readChannel, readNumber } from "./numbers.ts";
import { topCommands } from "./top_commands.ts";

const noSuchChannel = (channel: number) => `no such channel ${channel}`;
const unknownChannel = () => "unknown channel";
const say = (text: string): Reply => ({ text: `${text}\n` });

/** All commands; see the head of this file for their order. */
export const COMMANDS: readonly Command[] = [
  {
    name: "quit",
    args: [],
    help: "leave the shell",
    run: () => ({ text: "", effect: "quit" }),
  },
  {
    name: "show",
    args: [],
    optional: "[--json]",
    help: "show the table of channels",
    run: ({ table }, _session, [form]) => ({
      text: form === "--json" ? showJson(table) : show(table),
    }),
  },
  {
    name: "help",
    args: [],
    help: "print this list",
    run: () => ({ text: helpText(COMMANDS) }),
  },
  {
    name: "?",
    args: [],
    help: "print this list",
    run: () => ({ text: helpText(COMMANDS) }),
  },
  {
    name: "kill",
    args: [],
    help: "stop accepting and end when the open connections have ended",
    wholeWord: true,
    run: () => ({ text: "shutdown complete, exiting.\n", effect: "stop" }),
  },
  {
    name: "disable",
    args: ["<channel>"],
    help: "send no new connections to a channel",
    run: (context, session, words) => setEnabled(context, session, { words, enabled: false }),
  },
  {
    name: "group",
    args: ["<group>"],
    help: "choose the group that commands are about",
    run: ({ table }, _session, [text = ""]) => {
      const group = readNumber(text);
      if (typeof group !== "number") return group;
      if (group < 0 || group >= table.size.groups) return refusal("value out of range");
      return { text: "", session: { group } };
    },
  },
  {
    name: "reset",
    args: ["<channel>"],
    help: "set the counters of a channel to zero",
    run: ({ table }, { group }, [text = ""]) => {
      const channel = readChannel(table, group, { text, unknown: noSuchChannel });
      if (typeof channel !== "number") return channel;
      table.reset(group, channel);
      return say(`channel ${channel} counters reset`);
    },
  },
  {
    name: "enable",
    args: ["<channel>"],
    help: "send connections to a channel again",
    run: (context, session, words) => setEnabled(context, session, { words, enabled: true }),
  },
  {
    name: "create",
    args: ["<host>", "<port>"],
    help: "add a channel, disabled at first",
    run: async (context, { group }, words) => {
      const to = await readAddress(context, words);
      if ("text" in to) return to;
      const channel = context.table.add(group, { ...to, enabled: false });
      return channel === undefined ? refusal("no channel slots available") : say("channel created");
    },
  },
  {
    name: "maxc",
    args: ["<channel>", "<maxc>"],
    help: "limit the connections of a channel, 0 for no limit",
    run: ({ table }, { group }, [text = "", limit = ""]) => {
      const channel = readChannel(table, group, { text, unknown: unknownChannel });
      if (typeof channel !== "number") return channel;
      const maxc = readNumber(limit);
      if (typeof maxc !== "number") return maxc;
      if (maxc < MAXC_RANGE.min || maxc > MAXC_RANGE.max) return refusal("value out of range");
      table.setMaxc(group, channel, maxc);
      return say(`maxc of channel ${channel} changed to ${maxc}`);
    },
  },
  {
    name: "mrtg-bytes",
    args: ["<grp>", "<ch>"],
    help: "bytes in and out of a channel, for MRTG",
    run: (context, _session, words) => mrtg(context, words, "bytes"),
  },
  {
    name: "mrtg-conns",
    args: ["<grp>", "<ch>"],
    help: "connections of a channel, for MRTG",
    run: (context, _session, words) => mrtg(context, words, "conns"),
  },
  {
    name: "version",
    args: [],
    help: "print version and limits",
    run: ({ table }) => ({
      text: `  This is ${NAME} ${VERSION}\n` +
        `  MAXGROUPS=${table.size.groups}\n  MAXCHANNELS=${table.size.channels}\n`,
    }),
  },
  {
    name: "hash",
    args: [],
    help: "choose by the hash of the client's address in this group",
    run: ({ table }, { group }) => {
      table.setType(group, "hash");
      return say(`group ${group} set to hash`);
    },
  },
  {
    name: "rr",
    args: [],
    help: "choose in turn in this group",
    run: ({ table }, { group }) => {
      table.setType(group, "rr");
      return say(`group ${group} set to round robin`);
    },
  },
  {
    name: "assign",
    args: ["<channel>", "<host>", "<port>"],
    help: "give a disabled channel another address",
    run: async (context, { group }, [text = "", ...words]) => {
      const { table } = context;
      const channel = readChannel(table, group, { text, unknown: unknownChannel });
      if (typeof channel !== "number") return channel;
      if (table.state(group, channel) !== "disabled") return refusal(MUST_BE_DISABLED);
      const to = await readAddress(context, words);
      if ("text" in to) return to;
      // The host took its time to resolve; somebody may have enabled the channel meanwhile.
      if (table.state(group, channel) !== "disabled") return refusal(MUST_BE_DISABLED);
      table.assign(group, channel, to);
      return say("channel reassigned");
    },
  },
  {
    name: "remove",
    args: ["<channel>"],
    help: "free the slot of a disabled channel without connections",
    run: ({ table }, { group }, [text = ""]) => {
      const channel = readChannel(table, group, { text, unknown: noSuchChannel });
      if (typeof channel !== "number") return channel;
      // Locked, so that no worker claims the channel between the look and the removal.
      const inTheWay = table.locked(() => {
        if (table.state(group, channel) !== "disabled") {
          return "channel must be disabled to be removed";
        }
        const open = table.c(group, channel);
        if (open !== 0) return `channel ${channel} has ${open} open connections`;
        table.remove(group, channel);
        return undefined;
      });
      if (inTheWay !== undefined) return refusal(inTheWay);
      return say(`channel ${channel} removed`);
    },
  },
  ...CONNECTION_COMMANDS,
  ...topCommands(),
  ...DUMP_COMMANDS,
];

const MUST_BE_DISABLED = "channel must be disabled to assign new address";

function setEnabled(
  { table }: ControlContext,
  { group }: Session,
  options: { words: readonly string[]; enabled: boolean },
): Reply {
  const [text = ""] = options.words;
  const channel = readChannel(table, group, { text, unknown: noSuchChannel });
  if (typeof channel !== "number") return channel;
  const word = options.enabled ? "enabled" : "disabled";
  const changed = table.setEnabled(group, channel, options.enabled);
  return say(`channel ${channel} ${changed ? "" : "already "}${word}`);
}

/** The four lines that MRTG reads: two values, uptime (unknown), a name. */
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
  return say(`${values}\nUNKNOWN\ngroup ${group} channel ${channel}`);
}

/** `HOST PORT`, or `HOST:PORT` and a word that is then ignored, as in 3.35. */
async function readAddress(
  { resolve, services }: ControlContext,
  [hostText = "", portText = ""]: readonly string[],
): Promise<{ address: Uint8Array; port: number } | Reply> {
  const { host, attached } = splitHost(hostText);
  const wanted = attached ?? portText;
  const port = parsePort(wanted, services);
  if (port === undefined) return refusal(`invalid port [${wanted}]`);
  try {
    return { address: await resolve(host), port };
  } catch (error) {
    if (error instanceof AddressError) return refusal("invalid address");
    throw error;
  }
}

function splitHost(text: string): { host: string; attached: string | undefined } {
  if (parseIpv6(text) !== undefined) return { host: text, attached: undefined };
  const found = /^\[([^\]]*)\](?::(.*))?$/.exec(text) ?? /^([^:]*)(?::([^:]*))?/.exec(text);
  return { host: found?.[1] ?? "", attached: found?.[2] || undefined };
}
