/** Commands that change one channel, from `disable` to `remove`. */

import { ATTRIBUTE_KEYS, MAXC_RANGE, splitAttributes } from "../../address/channel_spec.ts";
import { splitHost } from "../../address/host_port.ts";
import { formatIp, type Ip, parseIpv6 } from "../../address/ip.ts";
import { parsePort } from "../../address/port.ts";
import { AddressError } from "../../base/errors.ts";
import { counted } from "../../base/integers.ts";
import { parseChannelAttributes } from "../../check/channel_attributes.ts";
import type { ChannelState } from "../../table/states.ts";
import type { Table } from "../../table/table.ts";
import { fromSpec, mustBeAllowed } from "./backend_commands.ts";
import { type Command, CommandError, type ControlContext, message, type Reply } from "./command.ts";
import { type NamedChannel, readChannel, readNumber, UNKNOWN_CHANNEL } from "./numbers.ts";

export const DISABLE: Command = {
  name: "disable",
  args: ["<channel>"],
  help: "disable a channel: no new connections",
  changes: true,
  run: setState("disabled"),
};

export const ENABLE: Command = {
  name: "enable",
  args: ["<channel>"],
  help: "enable a channel",
  changes: true,
  run: setState("enabled"),
};

function setState(state: "enabled" | "disabled"): Command["run"] {
  return (context, session, [text = ""]) => {
    const at = readChannel(context.table, session.group, { text });
    return changeState(context, at, state);
  };
}

/** Enables or disables a channel. @param at `name`: how the answer names the channel. */
export function changeState(
  { table, drains, state: kept }: Pick<ControlContext, "table" | "drains" | "state">,
  { group, channel, name }: NamedChannel,
  state: "enabled" | "disabled",
): Reply {
  mustStay(table, { group, channel, name });
  const changed = table.setState(group, channel, state);
  kept.note(group, channel, { state });
  drains.look();
  return message(`channel ${name} ${changed ? "" : "already "}${state}`);
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
  optional: "[key=value ...]",
  words: { min: 2, max: Infinity },
  quotes: true,
  next: (words) => {
    const given = words.slice(2).map((word) => word.split("=")[0]);
    const keys = ATTRIBUTE_KEYS.filter((key) => !given.includes(key));
    return words.length < 2 ? [] : keys.map((key) => `${key}=`);
  },
  help: "add a channel, initially disabled",
  changes: true,
  run: async (context, { group }, [host = "", port = "", ...pairs]) => {
    const { table, names, health } = context;
    const attributes = fromSpec(() => parseChannelAttributes(pairs));
    mustBeAllowed(context, attributes.check);
    const to = await readAddress(context, [host, port]);
    const { weight, sendProxy } = attributes;
    const channel = table.add(group, { ...to, weight, sendProxy, enabled: false });
    if (channel === undefined) throw new CommandError("no channel slots available");
    names.set(group, channel, to.host);
    health.created(group, channel, attributes);
    return message("channel created");
  },
};

export const MAXC: Command = {
  name: "maxc",
  args: ["<channel>", "<maxc>"],
  help: "limit the connections of a channel, 0 for no limit",
  changes: true,
  run: ({ table, state }, session, [text = "", limit = ""]) => {
    const { group, channel, name } = readChannel(table, session.group, {
      text,
      unknown: UNKNOWN_CHANNEL,
    });
    const maxc = readNumber(limit);
    if (maxc < MAXC_RANGE.min || maxc > MAXC_RANGE.max) {
      throw new CommandError("value out of range");
    }
    table.setMaxc(group, channel, maxc);
    state.note(group, channel, { maxc });
    return message(`maxc of channel ${name} changed to ${maxc}`);
  },
};

export const ASSIGN: Command = {
  name: "assign",
  args: ["<channel>", "<host>", "<port>"],
  help: "change the address of a disabled or draining channel",
  changes: true,
  run: async (context, session, [text = "", ...words]) => {
    const { table, drains, health, state } = context;
    const at = readChannel(table, session.group, { text, unknown: UNKNOWN_CHANNEL });
    const id = table.id(at.group, at.channel);
    mustBeDisabled(table, at);
    const to = await readAddress(context, words);
    // Meanwhile, another client may have enabled it, or a reload may have given it another number.
    const now = table.find(id, at);
    if (now === undefined) throw notDisabled();
    const { group, channel } = now;
    mustBeDisabled(table, { ...now, name: at.name });
    table.assign(group, channel, to);
    context.names.set(group, channel, to.host);
    const { host, port } = to;
    state.note(group, channel, { assigned: { host, port, address: formatIp(to.address) } });
    drains.look();
    health.changed(group, channel);
    return message("channel reassigned");
  },
};

export const REMOVE: Command = {
  name: "remove",
  args: ["<channel>"],
  newer: true,
  help: "remove a disabled or draining channel without connections",
  changes: true,
  run: ({ table, names, drains, health, state }, session, [text = ""]) => {
    const { group, channel, name } = readChannel(table, session.group, { text });
    const id = table.id(group, channel);
    // Locked, so that no worker claims the channel between the checks and the removal.
    table.locked(() => {
      if (!isOut(table.state(group, channel))) {
        throw new CommandError("channel must be disabled to be removed");
      }
      const open = table.c(group, channel);
      if (open !== 0) {
        throw new CommandError(`channel ${name} has ${counted(open, "open connection")}`);
      }
      table.remove(group, channel);
    });
    names.delete(id);
    state.removed(group, channel);
    drains.look();
    health.changed(group, channel);
    return message(`channel ${name} removed`);
  },
};

/**
 * Refuses to use a channel again that a reload has removed.
 *
 * @throws {CommandError}
 */
function mustStay(table: Table, { group, channel, name }: NamedChannel): void {
  if (!table.isLeaving(group, channel)) return;
  throw new CommandError(`channel ${name} was removed by a reload`);
}

/** @throws {CommandError} If it may not get another address. */
function mustBeDisabled(table: Table, at: NamedChannel): void {
  mustStay(table, at);
  if (!isOut(table.state(at.group, at.channel))) throw notDisabled();
}

function notDisabled(): CommandError {
  return new CommandError("channel must be disabled to assign new address");
}

/** Whether a channel in this state gets no new connections, and may get another address. */
function isOut(state: ChannelState): boolean {
  return state === "disabled" || state === "draining";
}

/**
 * Reads `HOST PORT`, or `HOST:PORT` and another port that is ignored, as in 3.35. Everything after
 * a second colon is ignored, too.
 */
async function readAddress(
  { resolve, services }: ControlContext,
  [hostText = "", portText = ""]: readonly string[],
): Promise<{ host: string; address: Ip; port: number }> {
  const [pair] = [hostText, portText].flatMap((text) => splitAttributes(text).attributes);
  if (pair !== undefined) throw new CommandError(`attribute [${pair}] must be a separate word`);
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
