/** Commands that change one channel, from `disable` to `remove`. */

import { MAXC_RANGE } from "../address/channel_spec.ts";
import { splitHost } from "../address/host_port.ts";
import { type Ip, parseIpv6 } from "../address/ip.ts";
import { parsePort } from "../address/port.ts";
import { AddressError } from "../base/errors.ts";
import type { Command, ControlContext, Reply, Session } from "./command.ts";
import { message, refusal } from "./command.ts";
import { noSuchChannel, readChannel, readNumber, unknownChannel } from "./numbers.ts";

export const DISABLE: Command = {
  name: "disable",
  args: ["<channel>"],
  help: "disable a channel: no new connections",
  run: (context, session, words) => setEnabled(context, session, { words, enabled: false }),
};

export const ENABLE: Command = {
  name: "enable",
  args: ["<channel>"],
  help: "enable a channel",
  run: (context, session, words) => setEnabled(context, session, { words, enabled: true }),
};

export const RESET: Command = {
  name: "reset",
  args: ["<channel>"],
  help: "set the counters of a channel to zero",
  run: ({ table }, { group }, [text = ""]) => {
    const channel = readChannel(table, group, { text, unknown: noSuchChannel });
    if (typeof channel !== "number") return channel;
    table.reset(group, channel);
    return message(`channel ${channel} counters reset`);
  },
};

export const CREATE: Command = {
  name: "create",
  args: ["<host>", "<port>"],
  help: "add a channel, initially disabled",
  run: async (context, { group }, words) => {
    const to = await readAddress(context, words);
    if ("text" in to) return to;
    const channel = context.table.add(group, { ...to, enabled: false });
    if (channel === undefined) return refusal("no channel slots available");
    context.names.set(group, channel, to.host);
    return message("channel created");
  },
};

export const MAXC: Command = {
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
    return message(`maxc of channel ${channel} changed to ${maxc}`);
  },
};

const MUST_BE_DISABLED = "channel must be disabled to assign new address";

export const ASSIGN: Command = {
  name: "assign",
  args: ["<channel>", "<host>", "<port>"],
  help: "change the address of a disabled channel",
  run: async (context, { group }, [text = "", ...words]) => {
    const { table } = context;
    const channel = readChannel(table, group, { text, unknown: unknownChannel });
    if (typeof channel !== "number") return channel;
    if (table.state(group, channel) !== "disabled") return refusal(MUST_BE_DISABLED);
    const to = await readAddress(context, words);
    if ("text" in to) return to;
    // Another client may have enabled the channel while the host was resolved.
    if (table.state(group, channel) !== "disabled") return refusal(MUST_BE_DISABLED);
    if (!table.assign(group, channel, to)) {
      return refusal("too many connections to former addresses are open");
    }
    context.names.set(group, channel, to.host);
    return message("channel reassigned");
  },
};

export const REMOVE: Command = {
  name: "remove",
  args: ["<channel>"],
  help: "remove a disabled channel without connections",
  run: ({ table, names }, { group }, [text = ""]) => {
    const channel = readChannel(table, group, { text, unknown: noSuchChannel });
    if (typeof channel !== "number") return channel;
    // Locked, so that no worker claims the channel between the check and the removal.
    const reason = table.locked(() => {
      if (table.state(group, channel) !== "disabled") {
        return "channel must be disabled to be removed";
      }
      const open = table.c(group, channel);
      if (open !== 0) return `channel ${channel} has ${open} open connections`;
      table.remove(group, channel);
      return undefined;
    });
    if (reason !== undefined) return refusal(reason);
    names.delete(group, channel);
    return message(`channel ${channel} removed`);
  },
};

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
  return message(`channel ${channel} ${changed ? "" : "already "}${word}`);
}

/**
 * Reads `HOST PORT`, or `HOST:PORT` and a word that is ignored, as in 3.35. What follows a second
 * colon is ignored, too.
 */
async function readAddress(
  { resolve, services }: ControlContext,
  [hostText = "", portText = ""]: readonly string[],
): Promise<{ host: string; address: Ip; port: number } | Reply> {
  const parts = parseIpv6(hostText) === undefined
    ? splitHost(hostText)
    : { host: hostText, rest: undefined, bracketed: false };
  if (parts === undefined) return refusal("invalid address");
  const attached = parts.bracketed ? parts.rest : parts.rest?.split(":")[0];
  const wanted = attached || portText;
  const port = parsePort(wanted, services);
  if (port === undefined) return refusal(`invalid port [${wanted}]`);
  try {
    const { host } = parts;
    return { host, address: await resolve(host), port };
  } catch (error) {
    if (error instanceof AddressError) return refusal("invalid address");
    throw error;
  }
}
