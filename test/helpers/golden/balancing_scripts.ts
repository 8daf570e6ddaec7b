/**
 * The recorded sequences of balancing.json as steps, and the two targets that run them: the choice
 * of channels alone, and real sockets in this process.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { parseIp } from "../../../lib/address/ip.ts";
import { serviceLookup } from "../../../lib/address/services.ts";
import { parseGroups } from "../../../lib/cli/groups.ts";
import { type Options, parseOptions } from "../../../lib/cli/options.ts";
import type { Claim } from "../../../lib/schedule/claim.ts";
import { claims } from "../../../lib/schedule/claims.ts";
import { clientHash } from "../../../lib/schedule/client_hash.ts";
import type { Table } from "../../../lib/table/table.ts";
import { named } from "../net/backends.ts";
import { type Client, connect, readLine, readText, readToEnd } from "../net/client.ts";
import { deadPort } from "../net/ports.ts";
import { startInProcess } from "../program/in_process.ts";
import { tableOf } from "../table_of.ts";
import { type PortMap, portMap, type RecordedBackends } from "./golden.ts";
import { clientWithHash } from "../scheduled_client.ts";

/** A row of `channels_after`. */
export interface CounterRow {
  g: number;
  type: string;
  ch: number;
  st: string;
  c: number;
  totalc: number;
  maxc: number;
}

/** A record of balancing.json; the fields depend on its kind. */
export interface BalancingRecord {
  name: string;
  version?: string;
  setup?: string[] | string;
  mode?: string;
  chosen?: string[];
  chosen_before?: string[];
  chosen_after?: string[];
  client_and_chosen?: [string, string][];
  client?: string;
  client_saw?: string;
  commands_before?: string[];
  shell_before?: string | null;
  steps?: [string, string[]][];
  stderr?: string;
  after_all_closed_next_sequential?: string[];
  after_enable_0?: { chosen: string[]; channels_after: CounterRow[]; stderr: string };
  channels_after?: CounterRow[];
  channels_after_reset_0?: CounterRow[];
  echo_on_disabled?: string;
  counts?: Record<string, number>;
  runs?: [number, number][];
  fold_unsigned32?: Record<string, number>;
  channel_index_by_n?: Record<string, Record<string, number>>;
  master_returncode?: number | null;
  first_client_127_0_0_1_saw?: string;
  second_client_127_0_0_2_saw?: string;
  maxc_command_hangs?: boolean;
  stderr_lines?: number;
}

/** One step of a script. */
export type Step =
  /** A control command; the current group starts at 0 and `quit` returns there. */
  | { readonly command: string }
  /** A client: which backend answers it, and whether it stays connected. */
  | { readonly from: string; readonly chosen: string; readonly hold: boolean }
  /** The backend at a recorded port stops or comes back. */
  | { readonly backend: number; readonly alive: boolean }
  /** The first client that stayed sends this text and gets it back. */
  | { readonly echo: string }
  | { readonly counters: readonly CounterRow[] }
  /** Everything written to stderr so far; only checked where there is a stderr. */
  | { readonly stderr: string }
  | { readonly closeAll: true };

const LOCAL = "127.0.0.1";
/** Recorded ports without a listener. */
const DEAD = /\b219[56]\d\b/g;

/** The steps of a record; `undefined` for kinds without a sequence. */
export function scriptOf(record: BalancingRecord): Step[] | undefined {
  const hold = record.mode?.startsWith("parallel") ?? record.chosen_before !== undefined;
  const clients = (chosen: readonly string[], from = LOCAL, stay = hold): Step[] =>
    chosen.map((name) => ({ from, chosen: name, hold: stay }));
  const counters = (rows: readonly CounterRow[] | undefined): Step[] =>
    rows === undefined ? [] : [{ counters: rows }];
  const before: Step[] = [
    ...(record.commands_before ?? []),
    ...(record.shell_before?.split(/[\n;]/) ?? []),
  ].map((command) => ({ command }));
  const after = counters(record.channels_after);

  if (record.echo_on_disabled !== undefined) {
    return [
      ...clients(record.chosen ?? [], LOCAL, true),
      { command: "disable 0" },
      { echo: record.echo_on_disabled },
      ...after,
    ];
  }
  if (record.chosen_before !== undefined) {
    return [
      ...clients(record.chosen_before),
      { command: "maxc 0 1" },
      ...clients(record.chosen_after ?? []),
      ...after,
      { command: "reset 0" },
      ...counters(record.channels_after_reset_0),
    ];
  }
  if (record.steps !== undefined) {
    return [...record.steps.flatMap(([label, chosen]) => labeled(label, chosen)), ...after];
  }
  if (record.client_and_chosen !== undefined) {
    const each = record.client_and_chosen.flatMap(([from, name]) => clients([name], from));
    return [...before, ...each, ...after];
  }
  if (record.client_saw !== undefined) {
    return [...before, ...clients([record.client_saw], record.client ?? LOCAL), ...after];
  }
  if (record.chosen === undefined) return undefined;
  const { stderr, after_enable_0: enabled, after_all_closed_next_sequential: next } = record;
  return [
    ...before,
    ...clients(record.chosen),
    ...after,
    ...(stderr === undefined ? [] : [{ stderr }]),
    ...(enabled === undefined ? [] : [
      { command: "enable 0" },
      ...clients(enabled.chosen),
      ...counters(enabled.channels_after),
      { stderr: enabled.stderr },
    ]),
    ...(next === undefined ? [] : [{ closeAll: true } as const, ...clients(next, LOCAL, false)]),
  ];
}

/** The steps of a labeled group of clients: what happens first, then the clients. */
function labeled(label: string, chosen: readonly string[]): Step[] {
  const [, hashed] = /^hash(?:, client)? (.+)$/.exec(label) ?? [];
  const clients = chosen.map((name) => ({ from: hashed ?? LOCAL, chosen: name, hold: false }));
  if (hashed !== undefined) return [{ command: "hash" }, ...clients];
  if (label === "second killed") return [{ backend: 21916, alive: false }, ...clients];
  if (label === "second back") return [{ backend: 21916, alive: true }, ...clients];
  if (label === "start" || label === "both alive") return clients;
  return [{ command: label.replace(/ \(.*/, "") }, ...clients];
}

/** What a script runs against. */
export interface ScriptTarget extends AsyncDisposable {
  readonly table: Table;
  readonly ports: PortMap;
  /** Connects. @returns The name of the backend that answers, or `EOF`. */
  client(from: string, hold: boolean): Promise<string>;
  closeAll(): Promise<void>;
  backend(recorded: number, alive: boolean): Promise<void>;
  /** Absent where no bytes are relayed. */
  readonly echo?: (text: string) => Promise<string>;
  readonly stderr?: () => string;
}

/** Runs a script and asserts its expectations. */
export async function playScript(script: readonly Step[], target: ScriptTarget): Promise<void> {
  const session = { group: 0 };
  const seen: string[] = [], expected: string[] = [];
  for (const step of script) {
    if ("command" in step) command(target, session, step.command);
    else if ("chosen" in step) {
      seen.push(await target.client(step.from, step.hold));
      expected.push(step.chosen);
    } else if ("backend" in step) await target.backend(step.backend, step.alive);
    else if ("closeAll" in step) await target.closeAll();
    else if ("echo" in step) assertEquals(await target.echo?.(step.echo) ?? step.echo, step.echo);
    else if ("stderr" in step) {
      if (target.stderr) assertEquals(target.ports.back(target.stderr()), step.stderr);
    } else {
      assertEquals(seen, expected);
      assertEquals(countersOf(target.table), step.counters);
    }
  }
  assertEquals(seen, expected);
}

/** The rows of a table as the records write them. */
export function countersOf(table: Table): CounterRow[] {
  return [...table.rows()].map((row) => ({
    g: row.group,
    type: row.type === "hash" ? "Hash" : "RR",
    ch: row.channel,
    st: row.state === "enabled" ? "ENA" : "dis",
    c: row.c,
    totalc: row.totalc,
    maxc: row.maxc,
  }));
}

/** Applies a control command to the table directly. */
function command(
  { table, ports }: Pick<ScriptTarget, "table" | "ports">,
  session: { group: number },
  line: string,
): void {
  const [word = "", first = "", second = ""] = line.trim().split(/\s+/);
  const { group } = session;
  const channel = Number(first);
  switch (word) {
    case "":
      return;
    case "quit":
      session.group = 0;
      return;
    case "group":
      session.group = channel;
      return;
    case "disable":
    case "enable":
      return void table.setState(group, channel, word === "enable" ? "enabled" : "disabled");
    case "rr":
    case "hash":
      return table.setSchedule(group, word);
    case "maxc":
      return table.setMaxc(group, channel, Number(second));
    case "reset":
      return table.reset(group, channel);
    case "create": {
      const address = parseIp(first) ?? new Uint8Array(4);
      table.add(group, { address, port: ports.port(Number(second)), enabled: false });
      return;
    }
    default:
      throw new Error(`Cannot run the command ${line}`);
  }
}

/**
 * A target without sockets. Channels are chosen by `claims()`; recorded ports from 21901 to 21916
 * answer, all others refuse.
 */
export async function tableTarget(argv: readonly string[]): Promise<ScriptTarget> {
  const options = parseOptions(argv);
  const table = await tableFor(options);
  const stopped = new Set<number>();
  const held: Claim[] = [];
  // Nothing is dialed, so ports need no translation.
  const ports = portMap();
  for (let port = 21901; port <= 21916; port++) ports.set(port, port);

  function client(from: string, hold: boolean): string {
    const hash = () => clientHash(parseIp(from) ?? new Uint8Array(4));
    for (const claim of claims(table, clientWithHash(hash, options.hashFailover))) {
      const { port } = claim.backend;
      if (port >= 21901 && port <= 21916 && !stopped.has(port)) {
        if (hold) held.push(claim);
        else claim[Symbol.dispose]();
        return `B${port - 21901}`;
      }
      claim[Symbol.dispose]();
      if (options.autoDisable) table.setState(claim.group, claim.channel, "disabled");
    }
    return "EOF";
  }

  return {
    table,
    ports,
    client: (from, hold) => Promise.resolve(client(from, hold)),
    closeAll() {
      for (const claim of held.splice(0)) claim[Symbol.dispose]();
      return Promise.resolve();
    },
    backend(recorded, alive) {
      if (alive) stopped.delete(recorded);
      else stopped.add(recorded);
      return Promise.resolve();
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

/** The table of a command line. */
export async function tableFor(options: Options): Promise<Table> {
  const size = { groups: options.maxGroups, channels: options.maxChannels, workers: 1 };
  const groups = parseGroups(options.channels, {
    ...options,
    defaultPort: Number(options.port),
    services: serviceLookup(undefined),
  });
  return await tableOf(groups, { size });
}

/**
 * A target with real sockets: accept loop, dialing and relay of balance run in this process.
 *
 * @param argv Recorded arguments.
 * @param recorded The backends and their ports.
 */
export async function socketTarget(
  argv: readonly string[],
  recorded: RecordedBackends,
): Promise<ScriptTarget> {
  const { ports, backends } = recorded;
  for (const [port] of argv.join(" ").matchAll(DEAD)) ports.set(Number(port), deadPort());
  const balance = await startInProcess(ports.argv(argv));
  const held: Client[] = [];
  const returned: AsyncDisposable[] = [];

  async function client(from: string, hold: boolean): Promise<string> {
    const one = await connect(balance.port, from === LOCAL ? {} : { from });
    // Closing a client that has sent nothing may arrive as a reset.
    const name = (await readLine(one)).replace("RST", "EOF");
    if (hold && name !== "EOF") held.push(one);
    else {
      await leave(one);
      if (!hold) await balance.idle();
    }
    return name;
  }

  return {
    table: balance.table,
    ports,
    client,
    async closeAll() {
      await Promise.all(held.splice(0).map(leave));
      await balance.idle();
    },
    async backend(recordedPort, alive) {
      const port = ports.port(recordedPort);
      const index = recordedPort - 21901;
      if (alive) returned.push(named(`B${index}`, { port }));
      else await backends[index]?.stop();
    },
    async echo(text) {
      const [first] = held;
      if (first === undefined) throw new Error("Cannot echo: no client stayed");
      await first.send(text);
      return await readText(first, text.length);
    },
    stderr: () => balance.stderr,
    async [Symbol.asyncDispose]() {
      await Promise.all(held.map((one) => one.close()));
      await balance[Symbol.asyncDispose]();
      for (const backend of returned) await backend[Symbol.asyncDispose]();
    },
  };
}

/** Closes a connection in order: half-closes and waits for the end of the other side. */
async function leave(client: Client): Promise<void> {
  await client.closeWrite().catch(() => {});
  await readToEnd(client);
  await client.close();
}
