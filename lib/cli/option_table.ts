/** One command line option: the table feeds parser, usage and completions alike. */
export interface OptionEntry {
  /** Name without dashes; a single letter belongs to 3.35 or 3.57. */
  readonly name: string;
  /** Placeholder of its argument; absent for a flag. */
  readonly argument?: string;
  /** What it does, in a few words. */
  readonly help: string;
  /** Left to the manual, so that `--help` stays on one screen. */
  readonly rare?: boolean;
}

/** All options, in the order in which `--help` shows them. */
export const OPTIONS: readonly OptionEntry[] = [
  { name: "a", help: "disable a channel that cannot be connected to" },
  { name: "b", argument: "host", help: "listen on this address only" },
  { name: "B", argument: "host", help: "connect to backends from this address" },
  { name: "c", argument: "cmd", help: "run one control command against a running balance" },
  { name: "d", help: "say what happens to each connection, on stderr" },
  { name: "f", help: "stay in the foreground" },
  { name: "i", help: "open the control shell of a running balance" },
  { name: "H", help: "hash groups go on to the next channel too" },
  { name: "M", help: "no effect, accepted for compatibility" },
  { name: "p", help: "print the conversation on stdout (packet dump)" },
  { name: "t", argument: "sec", help: "limit of one attempt to connect, default 5" },
  { name: "T", argument: "sec", help: "end a connection without data for so long" },
  { name: "6", help: "listen on IPv6 and IPv4" },
  { name: "workers", argument: "n", help: "serve with n threads (auto: one per core), default 1" },
  { name: "grace", argument: "sec", help: "let connections end after SIGTERM, default 30" },
  { name: "log", argument: "file", help: "log every connection there, or to syslog, or to -" },
  {
    name: "log-format",
    argument: "text|json",
    help: "how lines of the log look, default text",
    rare: true,
  },
  { name: "log-start", help: "log the start of every connection too", rare: true },
  { name: "metrics", argument: "[addr:]port", help: "serve metrics by HTTP, addr 127.0.0.1" },
  {
    name: "dump-file",
    argument: "file",
    help: "dump into a file or to - (%t time, %p port, %n number)",
  },
  {
    name: "dump-format",
    argument: "text|hex|json|pcapng",
    help: "default: by the file's name, or text",
    rare: true,
  },
  {
    name: "dump-side",
    argument: "client|server|both",
    help: "whose addresses the dump shows",
    rare: true,
  },
  {
    name: "dump-client",
    argument: "range",
    help: "dump clients of this range only (CIDR)",
    rare: true,
  },
  { name: "dump-channel", argument: "G.N", help: "dump this channel only", rare: true },
  { name: "dump-match", argument: "regex", help: "dump chunks that match only", rare: true },
  { name: "dump-bytes", argument: "n", help: "dump the first n bytes of each chunk", rare: true },
  {
    name: "dump-rotate",
    argument: "size[,count]",
    help: "begin a new file at this size",
    rare: true,
  },
  {
    name: "dump-overflow",
    argument: "block|drop",
    help: "when the dump is slow, default block",
    rare: true,
  },
  { name: "strict", help: "with -c: exit with 1 when the command fails" },
  { name: "max-groups", argument: "n", help: "most groups, default 16", rare: true },
  { name: "max-channels", argument: "n", help: "most channels in a group, default 16", rare: true },
  {
    name: "completions",
    argument: "shell",
    help: "print the completions for bash, zsh or fish",
    rare: true,
  },
  { name: "help", help: "print this text" },
  { name: "version", help: "print the version" },
];
