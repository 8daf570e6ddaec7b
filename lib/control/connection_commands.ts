/** Commands about open connections: `conns` and `close`. */

import { shortDuration } from "../base/short_duration.ts";
import type { ConnectionInfo } from "../base/connection_info.ts";
import { parseCidr } from "../address/cidr.ts";
import { formatEndpoint } from "../address/host_port.ts";
import { parseIp } from "../address/ip.ts";
import type { Command, ControlContext, Reply, Session } from "./command.ts";
import { refusal } from "./command.ts";
import { readChannel, readNumber } from "./numbers.ts";

/** See the head of this file. */
export const CONNECTION_COMMANDS: readonly Command[] = [
  {
    name: "conns",
    args: [],
    optional: "[G.N] [client CIDR] [--json]",
    help: "list the open connections",
    run: async ({ connections }, _session, words) => {
      const wanted = parseSelection(words);
      if ("text" in wanted) return wanted;
      const found = (await connections.connections()).filter(wanted.matches);
      return { text: wanted.json ? `${JSON.stringify(found)}\n` : connectionTable(found) };
    },
  },
  {
    name: "close",
    args: ["<id>"],
    optional: "| channel <channel>",
    help: "end a connection, or all of a channel",
    run: (context, session, words) => close(context, { session, words }),
  },
];

/** What `conns` was asked for. */
interface Wanted {
  readonly matches: (info: ConnectionInfo) => boolean;
  readonly json: boolean;
}

function parseSelection(words: readonly string[]): Wanted | Reply {
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
      const text = words[++i] ?? "";
      const range = parseCidr(text);
      if (range === undefined) return refusal(`invalid range [${text}]`);
      tests.push((info) => {
        const address = parseIp(info.client.address);
        return address !== undefined && range(address);
      });
    } else return refusal(`invalid selection [${word}]`);
  }
  return { matches: (info) => tests.every((test) => test(info)), json };
}

const HEADING =
  "        id client                channel     age    idle        sent        rcvd state";

/**
 * The table of `conns`: a heading, then a line per connection.
 *
 * @param connections In the order of the lines.
 */
export function connectionTable(connections: readonly ConnectionInfo[]): string {
  const lines = connections.map((info) =>
    [
      String(info.id).padStart(10),
      formatEndpoint(info.client).padEnd(21),
      (info.channel === undefined ? "-" : `${info.group}.${info.channel}`).padStart(7),
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
    return closed === 0
      ? refusal(`no such connection ${id}`)
      : { text: `connection ${id} closed\n` };
  }
  if (text === undefined) return refusal("syntax error");
  const { group } = session;
  const unknown = (channel: number) => `no such channel ${channel}`;
  const channel = readChannel(table, group, { text, unknown });
  if (typeof channel !== "number") return channel;
  const closed = await connections.close({ group, channel });
  return { text: `${closed} connections of channel ${channel} closed\n` };
}
