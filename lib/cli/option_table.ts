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
  { name: "a", help: "disable a channel when a connect to it fails" },
  { name: "b", argument: "host", help: "listen on this address only" },
  { name: "B", argument: "host", help: "connect to backends from this address" },
  { name: "c", argument: "cmd", help: "run one control command on a running balance" },
  { name: "d", help: "debug: print what happens to each connection" },
  { name: "f", help: "stay in the foreground" },
  { name: "i", help: "open the control shell of a running balance" },
  { name: "H", help: "hash groups: fail over to the next channel" },
  { name: "M", help: "ignored, for compatibility" },
  { name: "p", help: "print the traffic on stdout (packet dump)" },
  { name: "t", argument: "sec", help: "connect timeout, default 5" },
  {
    name: "T",
    argument: "sec",
    help: "idle timeout: close a connection without data this long",
  },
  { name: "6", help: "listen on IPv6 and IPv4" },
  { name: "workers", argument: "n", help: "number of threads, default 1; auto: one per core" },
  { name: "grace", argument: "sec", help: "graceful shutdown: drain this long, default 30" },
  { name: "log", argument: "file", help: "access log: a file, syslog, or - for stdout" },
  {
    name: "log-format",
    argument: "text|json",
    help: "access log format, default text",
    rare: true,
  },
  { name: "log-start", help: "log the start of each connection, too", rare: true },
  {
    name: "metrics",
    argument: "[addr:]port",
    help: "serve Prometheus metrics and /healthz; addr 127.0.0.1",
  },
  {
    name: "dump-file",
    argument: "file",
    help: "dump to file or - (%t time, %p port, %n connection)",
  },
  {
    name: "dump-format",
    argument: "text|hex|json|pcapng",
    help: "dump format, default: by the name of the file, or text",
    rare: true,
  },
  {
    name: "dump-side",
    argument: "client|server|both",
    help: "whose addresses the dump shows, default client",
    rare: true,
  },
  {
    name: "dump-client",
    argument: "range",
    help: "dump only clients in this range (CIDR)",
    rare: true,
  },
  { name: "dump-channel", argument: "G.N", help: "dump only this channel", rare: true },
  { name: "dump-match", argument: "regex", help: "dump only chunks that match", rare: true },
  {
    name: "dump-bytes",
    argument: "n",
    help: "dump only the first n bytes of each chunk",
    rare: true,
  },
  {
    name: "dump-rotate",
    argument: "size[,count]",
    help: "start a new file at this size",
    rare: true,
  },
  {
    name: "dump-overflow",
    argument: "block|drop",
    help: "what to do when the dump is slow, default block",
    rare: true,
  },
  { name: "strict", help: "with -c: exit with 1 if the command fails" },
  { name: "max-groups", argument: "n", help: "maximum number of groups, default 16", rare: true },
  {
    name: "max-channels",
    argument: "n",
    help: "maximum number of channels in a group, default 16",
    rare: true,
  },
  {
    name: "completions",
    argument: "shell",
    help: "print completions for bash, zsh or fish",
    rare: true,
  },
  { name: "help", help: "print this help" },
  { name: "version", help: "print the version" },
];
