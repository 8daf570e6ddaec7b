/** The command-line options, from which the parser, usage text and completions are made. */

import type { Spellings } from "../config_file/given.ts";

/** One option. */
export interface OptionEntry {
  /** Name without dashes. Single letters come from 3.35 or 3.57. */
  readonly name: string;
  /** The long name of a letter. */
  readonly long?: string | undefined;
  /** Placeholder of its argument; `undefined` for a flag. */
  readonly argument?: string | undefined;
  /** What it does, in a few words. */
  readonly help: string;
  /** Explained only in the manual, so that `--help` fits on one screen. */
  readonly rare?: boolean;
  /** May be given several times; its values are joined with commas. */
  readonly repeatable?: boolean;
}

/** The long names of the letters, for configuration files and the command line. */
const LONG_NAMES: Readonly<Record<string, string>> = {
  a: "auto-disable",
  b: "bind",
  B: "source",
  c: "command",
  d: "debug",
  f: "foreground",
  i: "interactive",
  H: "hash-failover",
  M: "mmap",
  p: "packet-dump",
  t: "connect-timeout",
  T: "idle-timeout",
  6: "ipv6",
};

/** Options that make no sense in a configuration file. */
// deno-fmt-ignore
const COMMAND_LINE_ONLY = [
  "c", "i", "config", "test", "takeover", "strict", "list", "json", "completions", "help", "version",
];

const RARE = true, REPEATABLE = true;

type Row = [name: string, argument: string, help: string, rare?: boolean, repeatable?: boolean];

const ROWS: readonly Row[] = [
  ["a", "", "disable a channel when a connect to it fails"],
  ["b", "host", "listen on this address only"],
  ["B", "host", "connect to backends from this address"],
  ["c", "cmd", "run control commands on a running balance"],
  ["d", "", "debug: print what happens to each connection"],
  ["f", "", "stay in the foreground"],
  ["i", "", "open the control shell of a running balance"],
  ["H", "", "hash groups: fail over to the next channel"],
  ["M", "", "ignored, for compatibility"],
  ["p", "", "print the traffic on stdout (packet dump)"],
  ["t", "sec", "connect timeout, default 5"],
  ["T", "sec", "idle timeout: close connections idle this long"],
  ["6", "", "listen on IPv6 and IPv4"],
  ["config", "file", "read options and channels from this file"],
  ["test", "", "check everything that a start needs, and exit"],
  ["check", "spec", "health check: tcp, http:/path, redis, ..."],
  ["interval", "sec", "time between two checks of a channel, default 2", RARE],
  ["rise", "n", "successful checks in a row until a channel is up, default 2", RARE],
  ["fall", "n", "failed checks in a row until a channel is down, default 3", RARE],
  ["check-timeout", "sec", "time limit of one check, default 2", RARE],
  ["passive", "n[/sec]|off", "channel down for sec after n failed connects in a row", RARE],
  ["on-down", "keep|close", "connections of a channel that goes down, default keep", RARE],
  ["slow-start", "sec", "raise the weight of a recovering channel gradually", RARE],
  [
    "schedule",
    "[G=]name",
    "rr, hash, least, random, first or consistent",
    false,
    REPEATABLE,
  ],
  ["wait", "sec[:max]", "hold clients while no channel is available"],
  ["allow", "list", "clients that may connect: address ranges or @file", RARE, REPEATABLE],
  ["deny", "list", "clients that may not connect: address ranges or @file", RARE, REPEATABLE],
  ["accept-proxy", "list", "proxies whose PROXY header names the client", RARE, REPEATABLE],
  ["per-client", "n", "open connections of one client, default 0: no limit", RARE],
  ["accept-rate", "n[/client]", "new connections per second, and of one client", RARE],
  ["send-proxy", "v1|v2|v2,id|none", "backends get a PROXY header with the client", RARE],
  ["workers", "n", "number of threads, default 1; auto: one per core"],
  ["engine", "streams|epoll", "how bytes are moved, default streams; epoll: Linux only", RARE],
  ["grace", "sec", "shutdown: drain at most this long, default 30"],
  ["takeover", "", "take over the running balance without losing a connection", RARE],
  ["pid-file", "file", "write the process ID to this file", RARE],
  ["state", "file", "keep what operators change in this file", RARE],
  ["freebind", "", "listen on an address that this host does not have yet", RARE],
  ["log", "file", "access log: a file, syslog, or - for stdout"],
  ["log-format", "text|json", "access log format, default text", RARE],
  ["log-start", "", "log the start of each connection, too", RARE],
  ["metrics", "[addr:]port", "Prometheus metrics and /healthz (on 127.0.0.1)"],
  [
    "metrics-host",
    "name,...",
    "further host names of the metrics server",
    RARE,
    REPEATABLE,
  ],
  ["dump-file", "file", "dump to file or - (%t time, %p port, %n connection)"],
  ["dump-format", "text|hex|json|pcapng", "dump format, default: by file name, else text", RARE],
  ["dump-prefix", "time,id,dir", "text dump: start each line with any of these", RARE],
  ["dump-side", "client|server|both", "which addresses the dump shows, default client", RARE],
  ["dump-client", "cidr", "dump only clients in this address range", RARE],
  ["dump-channel", "G.N", "dump only this channel", RARE],
  ["dump-match", "regex", "dump only chunks that match", RARE],
  ["dump-bytes", "n", "dump only the first n bytes of each chunk", RARE],
  ["dump-rotate", "size[,count]", "start a new dump file at this size, keep count files", RARE],
  ["dump-overflow", "block|drop", "what to do when the dump cannot keep up, default block", RARE],
  ["strict", "", "with -c: stop at a failed command and exit with 1", RARE],
  ["list", "", "list the running balances"],
  ["json", "", "with --list: print JSON", RARE],
  ["resolve", "sec|ttl", "resolve names of channels again, default 0: once", RARE],
  ["max-groups", "n", "maximum number of groups, default 16", RARE],
  ["max-channels", "n", "maximum number of channels in a group, default 16", RARE],
  ["completions", "shell", "print completions for bash, zsh or fish", RARE],
  ["help", "", "print this help"],
  ["version", "", "print the version"],
];

/** All options, in the order in which `--help` shows them. */
export const OPTIONS: readonly OptionEntry[] = ROWS.map(
  ([name, argument, help, rare = false, repeatable = false]) => ({
    name,
    long: LONG_NAMES[name],
    argument: argument || undefined,
    help,
    rare,
    repeatable,
  }),
);

/** How the options are spelled. */
export const SPELLINGS: Spellings = new Map(OPTIONS.flatMap((option) => {
  const { name, argument, repeatable = false } = option;
  const spelling = {
    name,
    takesArgument: argument !== undefined,
    repeatable,
    commandLineOnly: COMMAND_LINE_ONLY.includes(name),
  };
  return namesOf(option).map((one) => [one, spelling] as const);
}));

/** The letter and the long name of an option, as far as it has them. */
export function namesOf({ name, long }: OptionEntry): string[] {
  return long === undefined ? [name] : [name, long];
}

/** An option as it is typed: `-f` or `--log`. */
export function dashed({ name }: Pick<OptionEntry, "name">): string {
  return name.length === 1 ? `-${name}` : `--${name}`;
}
