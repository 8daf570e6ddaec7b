/** Commands about who may connect: `access`, `allow`, `deny`. */

import {
  type AccessRules,
  accessVerdict,
  type ListSources,
  type ListStatus,
} from "../../access/access_lists.ts";
import type { Placement } from "../../access/overlay.ts";
import type { Verdict } from "../../access/verdicts.ts";
import { formatNetwork, type Network, parseNetwork } from "../../address/cidr.ts";
import { formatIp, parsePeerIp } from "../../address/ip.ts";
import type { Limits } from "../../admission/client_limits.ts";
import { formatRates } from "../../admission/limit_texts.ts";
import { REFUSALS } from "../../admission/refusal_memory.ts";
import { UsageError } from "../../base/errors.ts";
import { counted } from "../../base/integers.ts";
import { printable } from "../../base/printable.ts";
import type { SendProxy } from "../../proxy_protocol/send_proxy.ts";
import { word } from "../../report/vocabulary.ts";
import {
  type Command,
  CommandError,
  type ControlContext,
  gated,
  message,
  type Reply,
  tooManyWords,
  usageError,
} from "./command.ts";

export const ACCESS: Command = {
  name: "access",
  args: [],
  optional: "[address] [--json] | remove CIDR",
  words: { max: 2 },
  next: (words) => words.length === 0 ? ["--json", "remove"] : [],
  help: "who may connect, what a client gets; take a range out of the lists",
  run: async (context, _session, [...words]) => {
    if (words[0] === "remove") {
      if (words[1] === undefined) throw usageError(ACCESS);
      return await gated(context, () => place(context, words[1]!, "removed"));
    }
    const json = words.includes("--json"),
      [address, more] = words.filter((one) => one !== "--json");
    if (more !== undefined) throw tooManyWords(ACCESS);
    if (address === undefined) {
      const status = accessStatus(context);
      return json ? message(JSON.stringify(status)) : { text: statusText(status) };
    }
    const client = await clientStatus(context, address);
    return message(json ? JSON.stringify(client) : clientText(client));
  },
};

export const ALLOW: Command = {
  name: "allow",
  args: ["<cidr>"],
  newer: true,
  help: "let clients of an address range connect, and deny all others",
  changes: true,
  run: (context, _session, [range = ""]) => place(context, range, "allow"),
};

export const DENY: Command = {
  name: "deny",
  args: ["<cidr>"],
  newer: true,
  help: "refuse new connections from an address range",
  changes: true,
  run: (context, _session, [range = ""]) => place(context, range, "deny"),
};

/** Puts a range into a list, or removes it from both. */
async function place(
  { admission }: ControlContext,
  range: string,
  to: Placement,
): Promise<Reply> {
  const { lists } = admission, network = parseNetwork(range), text = formatNetwork(network);
  const from = lists.listOf(network), before = lists.rules;
  if (from === to) return message(`${text} is in the ${to} list already`);
  if (from === undefined && to === "removed") {
    throw new CommandError(`neither list has exactly the range ${text}`);
  }
  await admission.change([{ network, to }]);
  const done = to === "removed"
    ? `${text} is removed from the ${from} list`
    : `${text} is in the ${to} list now${from === undefined ? "" : `, no longer in ${from}`}`;
  return message(`${done}${consequence(before, lists.rules)}`);
}

/** What a change means for clients that no range contains. */
function consequence(before: AccessRules | undefined, after: AccessRules | undefined): string {
  const denied = after?.deniesOthers ?? false;
  if ((before?.deniesOthers ?? false) === denied) return "";
  return denied
    ? "; everything else is denied now"
    : "; everything that is not in the deny list is allowed now";
}

/** What `access --json` prints. */
interface AccessStatus {
  /** What clients get that no range contains. */
  readonly others: Verdict;
  readonly allow: ListStatus;
  readonly deny: ListStatus;
  /** Those in force; 0 for none. */
  readonly limits: Limits;
  /** The list of `--accept-proxy`; absent without it. */
  readonly acceptProxy?: ListSources;
  /** The header that backends get whose channel has none of its own. */
  readonly sendProxy: SendProxy;
  /** Clients that were refused so far, by reason. */
  readonly refused: Readonly<Record<string, number>>;
}

function accessStatus({ admission, table }: ControlContext): AccessStatus {
  const { lists, limits, refusals, acceptProxy } = admission;
  return {
    others: lists.rules?.deniesOthers ? "deny" : "allow",
    allow: lists.status("allow"),
    deny: lists.status("deny"),
    limits: limits.inForce,
    ...acceptProxy && { acceptProxy },
    sendProxy: table.commonSendProxy,
    refused: Object.fromEntries(REFUSALS.map((one) => [word(one), refusals.counted(one)])),
  };
}

function statusText(status: AccessStatus): string {
  const { others, allow, deny, limits, acceptProxy, sendProxy, refused } = status;
  const rows = [
    ["allow", allow.exists ? listText("allow", allow) : NO_LIST],
    ["deny", deny.exists ? listText("deny", deny) : NO_LIST],
    ["others", others === "deny" ? "denied" : "allowed"],
    ["per-client", limits.perClient === 0 ? "no limit" : String(limits.perClient)],
    ["accept-rate", formatRates(limits) === "0" ? "no limit" : formatRates(limits)],
    ["accept-proxy", acceptProxy === undefined ? NO_LIST : listText("accept-proxy", acceptProxy)],
    ["send-proxy", sendProxy],
    ...Object.entries(refused).map(([reason, count]) => [`refused: ${reason}`, String(count)]),
  ];
  return rows.map(([name = "", value]) => `${name.padEnd(22)} ${value}\n`).join("");
}

const NO_LIST = "no list";

/** For example `100002 ranges: 100000 from /etc/blocked.txt, 1 from --deny, 1 added`. */
function listText(option: string, list: ListSources & Partial<ListStatus>): string {
  const { ranges, given, files, duplicates, added = 0, removed = 0 } = list;
  const counts: [count: number, what: string][] = [
    [given, `from --${option}`],
    [duplicates, duplicates === 1 ? "duplicate" : "duplicates"],
    [added, "added"],
    [removed, "removed"],
  ];
  const parts = [
    ...files.map(({ file, count }) => `${count} from ${printable(file)}`),
    ...counts.filter(([count]) => count > 0).map(([count, what]) => `${count} ${what}`),
  ];
  return `${counted(ranges, "range")}${parts.length === 0 ? "" : `: ${parts.join(", ")}`}`;
}

/** What `access ADDRESS --json` prints. */
interface ClientStatus {
  readonly client: string;
  readonly verdict: Verdict;
  /** The range that decides; absent if none contains the client. */
  readonly range?: string;
  /** The numbers of its open connections. */
  readonly connections: readonly number[];
}

async function clientStatus(
  { admission: { lists }, connections }: ControlContext,
  address: string,
): Promise<ClientStatus> {
  const client = formatIp(clientOf(address).network), range = lists.rangeOf(client);
  const open = (await connections.connections()).filter((one) => {
    const peer = parsePeerIp(one.client.address);
    return peer !== undefined && formatIp(peer) === client;
  });
  return {
    client,
    verdict: lists.rules === undefined ? "allow" : accessVerdict(lists.rules, client),
    ...(range === undefined ? {} : { range: formatNetwork(range) }),
    connections: open.map(({ id }) => id),
  };
}

/** An address as strict as a range. A zone, as in `fe80::1%eth0`, does not count. */
function clientOf(address: string): Network {
  const [, host = "", zone] = /^([^%/]*)(%.+)?$/.exec(address) ?? [];
  try {
    if (zone === undefined || host.includes(":")) return parseNetwork(host);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
  }
  throw new CommandError(`invalid address [${printable(address)}]`);
}

function clientText({ client, verdict, range, connections }: ClientStatus): string {
  const by = range === undefined ? "no range contains it" : `by ${range}`;
  const open = counted(connections.length, "open connection");
  const ids = connections.length === 0 ? "" : `: ${connections.join(" ")}`;
  return `${client} is ${verdict === "deny" ? "denied" : "allowed"} (${by}), ${open}${ids}`;
}
