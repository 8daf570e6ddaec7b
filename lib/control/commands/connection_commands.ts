/** Commands about open connections: `conns`, `close`. */

import { parseCidr } from "../../address/cidr.ts";
import { formatEndpoint } from "../../address/host_port.ts";
import { parsePeerIp } from "../../address/ip.ts";
import { channelText, type ConnectionInfo, parseChannelText } from "../../base/connection_info.ts";
import { counted } from "../../base/integers.ts";
import { shortDuration } from "../top/short_duration.ts";
import { type Command, CommandError, message, tooManyWords, usageError } from "./command.ts";
import { readChannel, readNumber } from "./numbers.ts";

export const CONNS: Command = {
  name: "conns",
  args: [],
  optional: "[G.N] [client CIDR] [--json]",
  words: { max: Infinity },
  next: (words) => {
    if (words.at(-1) === "client") return [];
    const hasChannel = words.some((word) => parseChannelText(word) !== undefined);
    const others = ["client", "--json"].filter((word) => !words.includes(word));
    return [...(hasChannel ? [] : ["<G.N>"]), ...others];
  },
  help: "list the open connections",
  run: async ({ connections }, _session, words) => {
    const { matches, json } = parseWords(words);
    const found = (await connections.connections()).filter(matches);
    return { text: json ? `${JSON.stringify(found)}\n` : connectionTable(found) };
  },
};

export const CLOSE: Command = {
  name: "close",
  args: ["<id>"],
  optional: "| channel <channel>",
  words: { max: 2 },
  newer: true,
  next: (words) =>
    words.length === 0 ? ["<id>", "channel"] : words[0] === "channel" ? ["<channel>"] : [],
  help: "close a connection, or all of a channel",
  run: async ({ table, connections }, session, [first = "", text]) => {
    if (first !== "channel") {
      if (text !== undefined) throw tooManyWords(CLOSE);
      const id = readNumber(first);
      if (await connections.close({ id }) > 0) return message(`connection ${id} closed`);
      throw new CommandError(`no such connection ${id}`);
    }
    if (text === undefined) throw usageError(CLOSE);
    const { group, channel, name } = readChannel(table, session.group, { text });
    const closed = await connections.close({ group, channel });
    return message(`${counted(closed, "connection")} of channel ${name} closed`);
  },
};

type Test = (info: ConnectionInfo) => boolean;

/** Parses the arguments of `conns`. */
function parseWords(words: readonly string[]): { matches: Test; json: boolean } {
  const tests = new Map<string, Test>();
  const add = (kind: string, test: Test) => {
    if (tests.has(kind)) throw tooManyWords(CONNS);
    tests.set(kind, test);
  };
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!;
    const wanted = parseChannelText(word);
    if (word === "--json") add(word, () => true);
    else if (wanted !== undefined) {
      add("channel", (one) => one.group === wanted.group && one.channel === wanted.channel);
    } else if (word === "client") {
      const text = words[++i];
      if (text === undefined) throw usageError(CONNS);
      const inRange = parseCidr(text);
      add(word, ({ client }) => {
        const address = parsePeerIp(client.address);
        return address !== undefined && inRange(address);
      });
    } else throw new CommandError(`invalid selection [${word}]`);
  }
  const all = [...tests.values()];
  return { matches: (info) => all.every((test) => test(info)), json: tests.has("--json") };
}

const HEADING =
  "        id client                channel     age    idle        sent        rcvd state       backend";

/** The same with the proxies that have named the clients. */
const HEADING_WITH_PEERS = HEADING.replace("channel ", "peer                  channel ");

/**
 * The table of `conns`: a heading, then a line per connection with the backend that it has. There is
 * a column of peers only if a PROXY header has named a client.
 */
function connectionTable(connections: readonly ConnectionInfo[]): string {
  const hasPeers = connections.some(({ peer }) => peer !== undefined);
  const lines = connections.map((info) =>
    [
      String(info.id).padStart(10),
      formatEndpoint(info.client).padEnd(21),
      ...(hasPeers ? [(info.peer ? formatEndpoint(info.peer) : "-").padEnd(21)] : []),
      (channelText(info) ?? "-").padStart(7),
      shortDuration(info.ageMs).padStart(7),
      shortDuration(info.idleMs).padStart(7),
      String(info.sent).padStart(11),
      String(info.rcvd).padStart(11),
      info.state.padEnd(11),
      info.backend === undefined ? "-" : formatEndpoint(info.backend),
    ].join(" ")
  );
  return [hasPeers ? HEADING_WITH_PEERS : HEADING, ...lines].map((line) => `${line}\n`).join("");
}
