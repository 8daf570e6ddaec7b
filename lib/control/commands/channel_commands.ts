/** Commands that change one channel, from `disable` to `remove`. */

import { MAXC_RANGE } from "../../address/channel_spec.ts";
import { splitHost } from "../../address/host_port.ts";
import { type Ip, parseIpv6 } from "../../address/ip.ts";
import { parsePort } from "../../address/port.ts";
import { AddressError } from "../../base/errors.ts";
import { counted } from "../../base/integers.ts";
import { type Command, CommandError, type ControlContext, message } from "./command.ts";
import { readChannel, readNumber, UNKNOWN_CHANNEL } from "./numbers.ts";

export const DISABLE: Command = {
  name: "disable",
  args: ["<channel>"],
  help: "disable a channel: no new connections",
  run: setEnabled(false),
};

export const ENABLE: Command = {
  name: "enable",
  args: ["<channel>"],
  help: "enable a channel",
  run: setEnabled(true),
};

function setEnabled(enabled: boolean): Command["run"] {
  return ({ table }, session, [text = ""]) => {
    const { group, channel, name } = readChannel(table, session.group, { text });
    const word = enabled ? "enabled" : "disabled";
    const changed = table.setState(group, channel, word);
    return message(`channel ${name} ${changed ? "" : "already "}${word}`);
  };
}

export const RESET: Command = {
  name: "reset",
  args: ["<channel>"],
  help: "set the counters of a channel to zero",
  run: ({ table }, session, [text = ""]) => {
    const { group, channel, name } = readChannel(table, session.group, { text });
    table.reset(group, channel);
    return message(`channel ${name} counters reset`);
  },
};

export const CREATE: Command = {
  name: "create",
  args: ["<host>", "<port>"],
  help: "add a channel, initially disabled",
  run: async (context, { group }, words) => {
    const to = await readAddress(context, words);
    const channel = context.table.add(group, { ...to, enabled: false });
    if (channel === undefined) throw new CommandError("no channel slots available");
    context.names.set(group, channel, to.host);
    return message("channel created");
  },
};

export const MAXC: Command = {
  name: "maxc",
  args: ["<channel>", "<maxc>"],
  help: "limit the connections of a channel, 0 for no limit",
  run: ({ table }, session, [text = "", limit = ""]) => {
    const { group, channel, name } = readChannel(table, session.group, {
      text,
      unknown: UNKNOWN_CHANNEL,
    });
    const maxc = readNumber(limit);
    if (maxc < MAXC_RANGE.min || maxc > MAXC_RANGE.max) {
      throw new CommandError("value out of range");
    }
    table.setMaxc(group, channel, maxc);
    return message(`maxc of channel ${name} changed to ${maxc}`);
  },
};

export const ASSIGN: Command = {
  name: "assign",
  args: ["<channel>", "<host>", "<port>"],
  help: "change the address of a disabled channel",
  run: async (context, session, [text = "", ...words]) => {
    const { table } = context;
    const { group, channel } = readChannel(table, session.group, {
      text,
      unknown: UNKNOWN_CHANNEL,
    });
    const mustBeDisabled = () => {
      if (table.state(group, channel) === "disabled") return;
      throw new CommandError("channel must be disabled to assign new address");
    };
    mustBeDisabled();
    const to = await readAddress(context, words);
    // Another client may have enabled the channel while the host was resolved.
    mustBeDisabled();
    table.assign(group, channel, to);
    context.names.set(group, channel, to.host);
    return message("channel reassigned");
  },
};

export const REMOVE: Command = {
  name: "remove",
  args: ["<channel>"],
  newer: true,
  help: "remove a disabled channel without connections",
  run: ({ table, names }, session, [text = ""]) => {
    const { group, channel, name } = readChannel(table, session.group, { text });
    // Locked, so that no worker claims the channel between the checks and the removal.
    table.locked(() => {
      if (table.state(group, channel) !== "disabled") {
        throw new CommandError("channel must be disabled to be removed");
      }
      const open = table.c(group, channel);
      if (open !== 0) {
        throw new CommandError(`channel ${name} has ${counted(open, "open connection")}`);
      }
      table.remove(group, channel);
    });
    names.delete(group, channel);
    return message(`channel ${name} removed`);
  },
};

/**
 * Reads `HOST PORT`, or `HOST:PORT` and another port that is ignored, as in 3.35. Everything after
 * a second colon is ignored, too.
 */
async function readAddress(
  { resolve, services }: ControlContext,
  [hostText = "", portText = ""]: readonly string[],
): Promise<{ host: string; address: Ip; port: number }> {
  const parts = parseIpv6(hostText) === undefined
    ? splitHost(hostText)
    : { host: hostText, rest: undefined, bracketed: false };
  if (parts === undefined) throw new CommandError("invalid address");
  const { host, rest, bracketed } = parts;
  const wanted = (bracketed ? rest : rest?.split(":")[0]) || portText;
  const readPort = (text: string) => {
    const port = parsePort(text, services);
    if (port === undefined) throw new CommandError(`invalid port [${text}]`);
    return port;
  };
  const port = readPort(wanted);
  readPort(portText);
  try {
    return { host, address: await resolve(host), port };
  } catch (error) {
    throw error instanceof AddressError ? new CommandError("invalid address") : error;
  }
}
