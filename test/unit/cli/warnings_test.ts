import { assertEquals } from "@std/assert";
import { parseOptions } from "../../../lib/cli/options.ts";
import { warningLines } from "../../../lib/cli/warnings.ts";
import { t } from "../../helpers/t.ts";

const PURE = { permissions: "none" } as const;

/** Command lines and their warnings. */
const cases: [argv: string[], ...warnings: string[]][] = [
  // Ordinary command lines, also those of 3.35 that are odd but clear.
  [["8080", "web1:80", "web2::10", "%", "web3"]],
  [["-adHM", "-t", "2", "-T", " +60", "8080", "127.1:80", "0:80", "2130706433:80", "[::1]:80:5"]],
  [["-6", "-b", "::", "8080", "web1"]],
  [["-c", "show", "-M", "-t", "1", "8080"]],
  [["--strict", "-c", "show", "8080"]],
  [["--log", "x", "--log-format", "json", "--log-start", "8080", "web1"]],
  [["--help", "--strict"]],
  [["-i", "-f", "8080"]],

  [["8080"], "no channels given, clients are disconnected until one is created"],
  [["--wait", "5", "8080"], "no channels given, clients wait until one is created"],
  [
    ["8080", "127.0.0.1", "9101"],
    "channel [9101] is the address 0.0.35.141, not a port; " +
    "a colon precedes the port: 127.0.0.1:9101",
  ],
  [
    ["8080", "80:10", "!", "443"],
    "channel [80:10] is the address 0.0.0.80, not a port; a colon precedes the port: HOST:80:10",
    "channel [443] is the address 0.0.1.187, not a port; a colon precedes the port: HOST:443",
  ],
  [
    ["8080", "web1:80:10:5:6"],
    "channel [web1:80:10:5:6]: [:5:6] is ignored, nothing follows maxc",
  ],
  [
    ["8080", "web1:80:-1"],
    "channel [web1:80:-1]: maxc -1 allows no connections; 0 means no limit",
  ],
  [["-b", "80", "8080", "web1"], "-b [80] is the address 0.0.0.80"],
  [["-6", "-b", "10.0.0.1", "8080", "web1"], "-6 has no effect with -b 10.0.0.1"],
  [["-T", "5m", "8080", "web1"], "-T [5m] is read as 5 seconds"],
  [["-t", "1e3", "8080", "web1"], "-t [1e3] is read as 1 second"],
  [
    ["-T", "99999999999", "8080", "web1"],
    "-T [99999999999] is read as 2147483647 seconds",
  ],
  [["--strict", "8080", "web1"], "--strict has no effect without -c"],
  [["--grace=5", "-c", "kill", "8080"], "--grace has no effect with -c"],
  [["--list", "--json"]],
  [["--list", "--strict"], "--strict has no effect with --list"],
  [["--strict", "-i", "8080"], "--strict has no effect with -i"],

  // Backends: options that fit together.
  [["--check", "tcp", "--interval", "1", "--on-down", "close", "8080", "web1", "web2,check=none"]],
  [["--fall", "1", "--slow-start", "5", "8080", "web1:80:10,check=tcp,check-port=81,weight=3"]],
  [["--passive", "3/30", "--on-down", "close", "8080", "web1"]],
  [["--schedule", "least", "8080", "web1,weight=3", "!", "web2", "%"]],
  [["--schedule", "0=least", "8080", "web1,weight=3", "web2", "%"]],
  [["8080", "web1,weight=0", "web2,weight=1", "%"]],
  // Backends: options without an effect.
  [
    ["--interval", "1", "--rise", "1", "--fall", "1", "--check-timeout", "1", "8080", "web1"],
    "--interval [1]: no channel has a check, see --check",
    "--rise [1]: no channel has a check, see --check",
    "--fall [1]: no channel has a check, see --check",
    "--check-timeout [1]: no channel has a check, see --check",
  ],
  [
    ["--check", "tcp", "--interval", "1", "8080", "web1,check=none"],
    "--interval [1]: no channel has a check, see --check",
  ],
  [
    ["--slow-start", "9", "--on-down", "close", "--passive", "off", "8080", "web1"],
    "--on-down [close]: without --check and --passive, no channel goes down",
    "--slow-start [9]: without --check and --passive, no channel goes down",
  ],
  [
    ["--schedule", "least", "8080", "web1", "%", "web2", "%"],
    "--schedule [least]: every group ends with % (hash) or has a schedule of its own",
  ],
  [
    ["--schedule", "least,1=rr", "8080", "web1", "%", "web2"],
    "--schedule [least]: every group ends with % (hash) or has a schedule of its own",
  ],
  [
    ["--schedule", "first", "8080", "web1,weight=3", "!", "web2,weight=2", "%"],
    "channel [web1,weight=3]: the schedule first ignores the weight 3",
    "channel [web2,weight=2]: the schedule hash ignores the weight 2",
  ],
  [
    ["8080", "web1,check-port=81"],
    "channel [web1,check-port=81]: check-port has no effect without a check, see --check",
  ],
  [
    ["8080", "web1,check=agent:20319,check-port=81", "web2,check=agent:20319"],
    "channel [web1,check=agent:20319,check-port=81]: " +
    "check-port has no effect on an agent-check: agent:PORT",
  ],
  [
    ["--check", "agent:20319", "8080", "web1,check-port=81", "web2,check=tcp,check-port=81"],
    "channel [web1,check-port=81]: check-port has no effect on an agent-check: agent:PORT",
  ],
  [
    ["8080", "web1:80:-1,weight=2"],
    "channel [web1:80:-1,weight=2]: maxc -1 allows no connections; 0 means no limit",
  ],
];

t("the parser warns about what is accepted but probably wrong, and about nothing else", () => {
  for (const [argv, ...warnings] of cases) {
    assertEquals(parseOptions(argv).warnings, warnings, argv.join(" "));
  }
}, PURE);

t("warningLines() escapes control characters", () => {
  const options = parseOptions(["8080", "\x1b[2J:80:-1"]);
  assertEquals(warningLines(options), [
    "balance: warning: channel [\\x1b[2J:80:-1]: maxc -1 allows no connections; 0 means no limit",
  ]);
}, PURE);
