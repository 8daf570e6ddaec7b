/** Commands about open connections: `conns`, `close`. */

import { parseCidr } from "../address/cidr.ts";
import { formatEndpoint } from "../address/host_port.ts";
import { parseIp } from "../address/ip.ts";
import { channelText, type ConnectionInfo } from "../base/connection_info.ts";
import { UsageError } from "../base/errors.ts";
import { shortDuration } from "../base/short_duration.ts";
import type { Command, ControlContext, Reply, Session } from "./command.ts";
import { message, refusal, SYNTAX_ERROR } from "./command.ts";
import { noSuchChannel, readChannel, readNumber } from "./numbers.ts";

export const CONNS: Command = {
  name: "conns",
  args: [],
  optional: "[G.N] [client CIDR] [--json]",
  help: "list the open connections",
  run: async ({ connections }, _session, words) => {
    const request = parseWords(words);
    if ("text" in request) return request;
    const found = (await connections.connections()).filter(request.matches);
    return { text: request.json ? `${JSON.stringify(found)}\n` : connectionTable(found) };
  },
};

export const CLOSE: Command = {
  name: "close",
  args: ["<id>"],
  optional: "| channel <channel>",
  help: "close a connection, or all of a channel",
  run: (context, session, words) => close(context, { session, words }),
};

/** The arguments of `conns`. */
interface ConnsRequest {
  readonly matches: (info: ConnectionInfo) => boolean;
  readonly json: boolean;
}

function parseWords(words: readonly string[]): ConnsRequest | Reply {
  const tests: ((info: ConnectionInfo) => boolean)[] = [];
  let json = false;
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!;
    const channel = /^(\d{1,5})\.(\d{1,5})$/.exec(word);
    if (word === "--json") json = true;
    else if (channel !== null) {
      const [group, number] = [Number(channel[1]), Number(channel[2])];
      tests.push((info) => info.group === group && info.channel === number);
    } else if (word === "client") {
      const test = parseClients(words[++i] ?? "");
      if ("text" in test) return test;
      tests.push(test);
    } else return refusal(`invalid selection [${word}]`);
  }
  return { matches: (info) => tests.every((test) => test(info)), json };
}

function parseClients(text: string): ((info: ConnectionInfo) => boolean) | Reply {
  try {
    const inRange = parseCidr(text);
    return ({ client }) => {
      const address = parseIp(client.address);
      return address !== undefined && inRange(address);
    };
  } catch (error) {
    if (error instanceof UsageError) return refusal(error.message);
    throw error;
  }
}

const HEADING =
  "        id client                channel     age    idle        sent        rcvd state";

/** The table of `conns`: a heading, then a line per connection. */
function connectionTable(connections: readonly ConnectionInfo[]): string {
  const lines = connections.map((info) =>
    [
      String(info.id).padStart(10),
      formatEndpoint(info.client).padEnd(21),
      (channelText(info) ?? "-").padStart(7),
      shortDuration(info.ageMs).padStart(7),
      shortDuration(info.idleMs).padStart(7),
      String(info.sent).padStart(11),
      String(info.rcvd).padStart(11),
      info.state,
    ].join(" ")
  );
  return [HEADING, ...lines].map((line) => `${line}\n`).join("");
}

async function close(
  { table, connections }: ControlContext,
  { session, words }: { session: Session; words: readonly string[] },
): Promise<Reply> {
  const [first = "", text] = words;
  if (first !== "channel") {
    const id = readNumber(first);
    if (typeof id !== "number") return id;
    const closed = await connections.close({ id });
    return closed === 0 ? refusal(`no such connection ${id}`) : message(`connection ${id} closed`);
  }
  if (text === undefined) return SYNTAX_ERROR;
  const { group } = session;
  const channel = readChannel(table, group, { text, unknown: noSuchChannel });
  if (typeof channel !== "number") return channel;
  const closed = await connections.close({ group, channel });
  return message(`${closed} connections of channel ${channel} closed`);
}
