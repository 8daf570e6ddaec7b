/** An administrator mistypes a command line: one line names the mistake. */

import { assertEquals } from "@std/assert";
import { pool } from "../../helpers/pool.ts";
import { usage } from "../../../lib/cli/usage.ts";
import { runBalance } from "../../helpers/program/start_balance.ts";
import { t } from "../../helpers/t.ts";

const GOOD = "127.0.0.1:9";
const HELP = " (try balance --help)";
const UNITS = "or with a unit: ms, s, m, h";

/** Arguments, and the only line that is printed. */
type Case = readonly [argv: readonly string[], line: string];

/** The form is wrong: exit code 64. */
const usageErrors: readonly Case[] = [
  [["-f"], `balance: the port is missing${HELP}`],
  [["-i"], `balance: -i needs the port of a running balance${HELP}`],
  [["-c", "show"], `balance: -c needs the port of a running balance${HELP}`],
  [["-i", "PORT", "extra"], `balance: too many arguments [extra]: -i takes only a port${HELP}`],
  [
    ["-c", "disable", "1", "8080"],
    "balance: too many arguments [1 8080]: -c takes one command and a port " +
    '(the command needs quotes: -c "disable 1" 8080)',
  ],
  [["-x", "PORT", GOOD], `balance: invalid option -- 'x'${HELP}`],
  [["-F", "PORT", GOOD], "balance: invalid option -- 'F' (did you mean -f?)"],
  [["-workers", "4", "PORT"], "balance: invalid option -- 'w' (did you mean --workers?)"],
  [["--worker", "4", "PORT"], "balance: unrecognized option '--worker' (did you mean --workers?)"],
  [["--quiet", "PORT"], `balance: unrecognized option '--quiet'${HELP}`],
  [["PORT", GOOD, "-t"], `balance: option requires an argument -- 't'${HELP}`],
  [["-t", "0", "PORT", GOOD], "invalid -t [0]: not a number from 1 to 2147483647"],
  [["-T", "-5", "PORT", GOOD], "invalid -T [-5]: not a number from 1 to 2147483647"],
  [
    ["-T", "0", "PORT", GOOD],
    "invalid -T [0]: not a number from 1 to 2147483647 (without -T, there is no idle timeout)",
  ],
  [["-t", "\x1b[31m", "PORT"], "invalid -t [\\x1b[31m]: not a number from 1 to 2147483647"],
  [["--workers", "1e3", "PORT"], "invalid --workers [1e3]: neither auto nor a number from 1 to 64"],
  [["--workers", "٣", "PORT"], "invalid --workers [٣]: neither auto nor a number from 1 to 64"],
  [
    ["--resolve", "ttx", "PORT"],
    "invalid --resolve [ttx]: neither ttl nor a number from 0 to 86400",
  ],
  [
    ["--config", "a.conf", "--config", "b.conf"],
    "balance: more than one --config [a.conf] [b.conf] (a file includes another with: include FILE)",
  ],
  [["--engine", "uring", "PORT"], "invalid --engine [uring]: not one of streams, epoll"],
  [["--engine=", "PORT"], "invalid --engine []: not one of streams, epoll"],
  [["0x50", GOOD], "invalid port [0x50], exiting."],
  [[" 80 ", GOOD], "invalid port [ 80 ], exiting."],
  [["SMTP", GOOD], "invalid port [SMTP], exiting. (did you mean smtp?)"],
  [["127.0.0.1", "8080", GOOD], "invalid port [127.0.0.1], exiting. (this is an address)"],
  [
    ["localhost:8080", GOOD],
    "invalid port [localhost:8080], exiting. " +
    "(the port comes first and has no host; to listen on one address: -b localhost 8080)",
  ],
  [
    ["PORT", "127.0.0.1:htpps"],
    "invalid port [htpps] in channel [127.0.0.1:htpps]: neither the name of a TCP service nor a " +
    "number from 0 to 65535 (did you mean https?), exiting.",
  ],
  [
    ["PORT", "http://127.0.0.1:80/"],
    "invalid port [//127.0.0.1] in channel [http://127.0.0.1:80/]: a channel is HOST:PORT, " +
    "not a URL, exiting.",
  ],
  [
    ["PORT", "2001:db8::5:80"],
    "invalid port [db8] in channel [2001:db8::5:80]: an IPv6 address needs brackets: " +
    "[2001:db8::5]:80, exiting.",
  ],
  [
    ["PORT", `${GOOD}!`],
    `invalid port [9!] in channel [${GOOD}!]: the separators ! and % must be separate arguments, ` +
    "exiting.",
  ],
  [
    ["PORT", "127.0.0.1:80,127.0.0.2:80"],
    "invalid port [80,127.0.0.2] in channel [127.0.0.1:80,127.0.0.2:80]: channels are separated " +
    "by spaces, not commas, exiting.",
  ],
  [
    ["PORT", ...Array(17).fill(GOOD)],
    "MAXCHANNELS exceeded..., raise the limit of 16 with --max-channels",
  ],
  [
    ["PORT", ...Array(17).fill([GOOD, "%"]).flat()],
    "MAXGROUPS exceeded..., raise the limit of 16 with --max-groups",
  ],
  [
    ["-fp", "--dump-channel", "0.2", "PORT", GOOD, GOOD],
    "balance: invalid --dump-channel [0.2]: no such channel, group 0 has the channels 0.0 to 0.1",
  ],
  [
    ["-fp", "--dump-channel", "3.0", "PORT", GOOD, "!", GOOD],
    "balance: invalid --dump-channel [3.0]: no such channel, the groups are 0 to 1",
  ],
  [
    ["--check", "htp:/health", "PORT", GOOD],
    "invalid --check [htp:/health]: unknown check (did you mean http?)",
  ],
  [
    ["--check", "tcp", "--interval", "0", "PORT", GOOD],
    `invalid --interval [0]: not a number of seconds from 0.05 to 86400, ${UNITS}`,
  ],
  [["--rise", "x", "PORT", GOOD], "invalid --rise [x]: not a number from 1 to 1000"],
  [["--on-down", "reset", "PORT", GOOD], "invalid --on-down [reset]: not one of keep, close"],
  [
    ["--passive", "3/x", "PORT", GOOD],
    `invalid --passive [3/x]: [x] is not a number of seconds from 0.1 to 86400, ${UNITS}`,
  ],
  [
    ["--wait", "2:100000", "PORT", GOOD],
    "invalid --wait [2:100000]: [100000] is not a number from 1 to 65536",
  ],
  [
    ["--schedule", "wrr", "PORT", GOOD],
    "invalid --schedule [wrr]: not one of rr, hash, least, random, first, consistent",
  ],
  [
    ["--schedule", "3=least", "PORT", GOOD, "!", GOOD],
    "balance: invalid --schedule [3=least]: no such group, the groups are 0 to 1",
  ],
  [
    ["--schedule", "rr", "--schedule", "least", "PORT", GOOD],
    "invalid --schedule [rr,least]: all groups have two schedules",
  ],
  [
    ["PORT", GOOD, `${GOOD},weight=300`],
    `balance: channel [${GOOD},weight=300]: invalid attribute [weight=300]: ` +
    "not a number from 0 to 256",
  ],
  [
    ["PORT", "[::1]:80,weight=1,weight=1"],
    "balance: channel [[::1]:80,weight=1,weight=1]: invalid attribute [weight=1]: " +
    "weight is given twice",
  ],
  [
    ["PORT", `${GOOD},maxc=3`],
    `balance: channel [${GOOD},maxc=3]: invalid attribute [maxc=3]: ` +
    "unknown key; known are weight, check, check-port, send-proxy",
  ],
  [
    ["PORT", `${GOOD},check=http:health`],
    `balance: channel [${GOOD},check=http:health]: invalid check [http:health]: ` +
    "the path must start with /",
  ],
  [
    ["PORT", "127.0.0.1:x,weight=3"],
    "invalid port [x] in channel [127.0.0.1:x,weight=3]: neither the name of a TCP service nor a " +
    "number from 0 to 65535, exiting.",
  ],
];

/** A host cannot be right: exit code 65. */
const hostErrors: readonly Case[] = [
  [["PORT", "::1:80"], "unknown or invalid address []: an IPv6 address needs brackets: [::1]:80"],
  [["PORT", ""], "unknown or invalid address []: the host is missing"],
  [["PORT", ":80"], "unknown or invalid address []: the host is missing"],
  [["PORT", "[::1"], "unknown or invalid address [[::1]: brackets must enclose the host"],
  [
    ["PORT", "[web]:80"],
    "unknown or invalid address [[web]:80]: only an IPv6 address has brackets",
  ],
  [
    ["PORT", "127.0.0.1 80"],
    "unknown or invalid address [127.0.0.1 80]: a host cannot contain spaces",
  ],
  [
    ["PORT", "127.0.0.1", "gopher"],
    "unknown or invalid address [gopher]: a colon precedes the port: 127.0.0.1:gopher",
  ],
  [["PORT", "web1/app:80"], "unknown or invalid address [web1/app]: a host cannot contain a slash"],
  [
    ["PORT", "web1,web2:80"],
    "unknown or invalid address [web1,web2]: hosts are separated by spaces, not commas",
  ],
  [
    ["PORT", GOOD, "!127.0.0.1:9"],
    "unknown or invalid address [!127.0.0.1]: the separators ! and % must be separate arguments",
  ],
  [
    ["PORT", GOOD, "\\!", GOOD],
    "unknown or invalid address [\\!]: the separators ! and % must be separate arguments",
  ],
  [
    ["-b", "127.0.0.1:80", "PORT", GOOD],
    "unknown or invalid address [127.0.0.1:80]: no port can be given here",
  ],
];

const all = [
  ...usageErrors.map(([argv, line]) => ({ argv, line, code: 64 })),
  ...hostErrors.map(([argv, line]) => ({ argv, line, code: 65 })),
];

for (const mode of ["foreground", "background"]) {
  t(`in the ${mode}, a wrong command line gets one line with the reason`, async () => {
    await pool(all, { limit: 3, name: ({ argv }) => argv.join(" ") }, async (each) => {
      const argv = mode === "foreground" ? ["-f", ...each.argv] : each.argv;
      const { code, stdout, stderr } = await runBalance(argv);
      assertEquals([stderr, stdout, code], [`${each.line}\n`, "", each.code]);
    });
  });
}

t("balance alone prints the usage on stderr, --help prints it on stdout", async () => {
  const alone = await runBalance([]);
  assertEquals([alone.code, alone.stdout, alone.stderr], [64, "", usage()]);
  const help = await runBalance(["--help", "--workers", "0", "extra"]);
  assertEquals([help.code, help.stdout, help.stderr], [
    64,
    "",
    "invalid --workers [0]: neither auto nor a number from 1 to 64\n",
  ]);
  const plain = await runBalance(["--help"]);
  assertEquals([plain.code, plain.stdout, plain.stderr], [0, usage(), ""]);
});
