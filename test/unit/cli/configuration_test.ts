/** `--config`: what a file and the command line mean together. */

import { assertEquals, assertThrows } from "@std/assert";
import { ExitError, UsageError } from "../../../lib/base/errors.ts";
import { dashed, namesOf, OPTIONS } from "../../../lib/cli/option_table.ts";
import { type Options, parseOptions } from "../../../lib/cli/options.ts";
import { filesOf } from "../../helpers/config_file/files_of.ts";
import { drawer } from "../../helpers/drawer.ts";
import { t } from "../../helpers/t.ts";

const PURE = { permissions: "none" } as const;

/** Parses a command line with a file. */
function parse(text: string, ...argv: string[]): Options {
  return parseOptions(["--config", "/web.conf", ...argv], {
    files: filesOf({ "/web.conf": text }),
  });
}

/** Without where it came from. */
function plain({ config: _, places: __, ...rest }: Options) {
  return rest;
}

t("parseOptions(): the command line wins over the file, and adds to it", () => {
  const file = "listen 80\nbind ::1\ngrace 5\ndebug\nschedule least,1=rr\nweb1:80\n!\nweb2\n";
  assertEquals(
    plain(parse(file)),
    plain(
      parseOptions([
        "-b::1",
        "--grace=5",
        "-d",
        "--schedule=least,1=rr",
        "80",
        "web1:80",
        "!",
        "web2",
      ]),
    ),
  );
  const both = parse(file, "-f", "--grace", "6", "-b", "::2", "81", "!", "web3");
  assertEquals([both.port, both.bindHost, both.graceS], ["81", "::2", 6]);
  assertEquals(both.channels, ["web1:80", "!", "web2", "!", "web3"]);
  assertEquals([both.debug, both.foreground, both.config], [true, true, "/web.conf"]);
  const { schedules } = parse(file, "--schedule", "1=first").backends;
  assertEquals([schedules.all, ...schedules.byGroup], ["least", [1, "first"]]);
  const hosts = parse("listen 80\nmetrics 81\nmetrics-host a,b\n", "--metrics-host", "c");
  assertEquals(hosts.metricsHosts, ["a", "b", "c"]);
  // A long name replaces what the file has, too.
  assertEquals(
    parse("listen 80\nconnect-timeout 3\n", "--connect-timeout", "4").connectTimeoutS,
    4,
  );
}, PURE);

t("parseOptions(): -c and -i take only the address from the file, whatever else is wrong", () => {
  const file = "grace x\nnonsense x\nlisten 8080\nbind ::1\nipv6\nworkers 0\nweb1:80\n";
  for (const argv of [["-c", "show"], ["-i"]]) {
    const { port, bindHost, ipv6, channels, warnings } = parse(file, ...argv);
    assertEquals([port, bindHost, ipv6, channels, warnings], ["8080", "::1", true, [], []]);
  }
  assertEquals(parse(file, "-c", "show", "-b", "::2", "81").bindHost, "::2");
  const message = assertThrows(() => parse(file, "-c", "show", "81", "web2"), UsageError).message;
  assertEquals(
    message,
    "balance: too many arguments [81 web2]: -c takes one command and a port (try balance --help)",
  );
}, PURE);

t("parseOptions() reads no file if it only prints", () => {
  for (const argv of [["--help"], ["--version"], ["--list"], ["--completions", "zsh"]]) {
    assertEquals(parseOptions(["--config", "/missing", ...argv]).config, undefined);
  }
  const { warnings } = parseOptions(["--config", "/missing", "--list"]);
  assertEquals(warnings, ["--config has no effect with --list"]);
}, PURE);

t("parseOptions() names the line of each option that is wrong, as it is written", () => {
  const head = "listen 80\na\n", place = "balance: /web.conf:3: ";
  const cases: [line: string, reason: RegExp][] = [
    ["connect-timeout x", /^invalid --connect-timeout \[x\]: not a number from 1 to/],
    ["idle-timeout 0", /^invalid --idle-timeout \[0\]: .* \(without --idle-timeout, there is/],
    ["grace x", /^invalid --grace \[x\]: not a number/],
    ["engine uring", /^invalid --engine \[uring\]: not one of/],
    ["wait x", /^invalid --wait \[x\]: /],
    ["passive 0", /^invalid --passive \[0\]: /],
    ["check nonsense", /^invalid --check \[nonsense\]: /],
    ["interval 0", /^invalid --interval \[0\]: /],
    ["schedule 5=rr", /^invalid --schedule \[5=rr\]: no such group/],
    ["schedule rr,rr", /^invalid --schedule \[rr,rr\]: all groups have two/],
    ["metrics-host a b", /^invalid --metrics-host \[a b\]: /],
    ["metrics-host a", /^--metrics-host \[a\] needs --metrics$/],
    ["dump-format text", /^--dump-format \[text\] needs -p or --dump-file$/],
    ["dump-file /x.nonsense", /^invalid dump file \[\/x\.nonsense\]: /],
    ["packet-dump", /^--packet-dump needs -f: there is no stdout in the background$/],
    ["log -", /^--log - needs -f: there is no stdout in the background$/],
    ["max-groups 0", /^invalid --max-groups \[0\]: /],
    ["resolve x", /^invalid --resolve \[x\]: /],
  ];
  for (const [line, reason] of cases) {
    const { message } = assertThrows(() => parse(`${head}${line}\n`), UsageError, undefined, line);
    assertEquals(message.slice(0, place.length), place, line);
    assertEquals(reason.test(message.slice(place.length)), true, message);
  }
  const dump = ["prefix x", "side x", "overflow x", "rotate x", "client x", "channel x", "bytes x"];
  for (const line of [...dump, "match (", "channel 4.1"]) {
    const all = `listen 80\na\ndump-${line}\ndump-file /x.txt\n`;
    const { message } = assertThrows(() => parse(all), UsageError, undefined, line);
    assertEquals(message.slice(0, place.length), place, message);
  }
}, PURE);

t("parseOptions(): errors of the command line name no line of the file", () => {
  const file = "listen 80\ngrace 5\nschedule rr\nmetrics-host a\nmetrics 81\na\n";
  for (const option of ["--grace=x", "--schedule=x", "--metrics-host=:", "--wait=x", "-tx"]) {
    const { message } = assertThrows(() => parse(file, option), UsageError);
    assertEquals(message.includes("web.conf"), false, message);
  }
}, PURE);

t("parseOptions(): a file without a port is named, unless the command line has one", () => {
  const { message, exitCode } = assertThrows(() => parse("web1\n"), ExitError);
  const line = "balance: /web.conf: the port is missing (want listen PORT)";
  assertEquals([message, exitCode], [line, 64]);
  assertEquals(parse("web1\n", "80").channels, ["web1"]);
  assertEquals(assertThrows(() => parse("web1\n", "-c", "show"), UsageError).message, line);
  const empty = assertThrows(() => parseOptions(["--config=", "80"]), UsageError).message;
  assertEquals(empty, "invalid --config []: want a file");
}, PURE);

t("parseOptions(): warnings name the line, too", () => {
  const { warnings } = parse("listen 80\nweb1:80:-1\nidle-timeout 5m\n", "80", "web2:80:-1");
  assertEquals(warnings, [
    "/web.conf:3: --idle-timeout [5m] is read as 5 seconds",
    "/web.conf:2: channel [web1:80:-1]: maxc -1 allows no connections; 0 means no limit",
    "channel [web2:80:-1]: maxc -1 allows no connections; 0 means no limit",
  ]);
}, PURE);

/** Options that a file may have, with values for some of them. */
const VALUES: Readonly<Record<string, readonly string[]>> = {
  b: ["127.0.0.1", "::1", "web"],
  B: ["127.0.0.1"],
  t: ["1", "5", "007", "5m"],
  T: ["1", "3600"],
  check: ["tcp", "http:/a", "exec:a b", "send:PING\\r\\n/expect:+PONG", "none"],
  interval: ["1", "500ms"],
  fall: ["5"],
  passive: ["off", "3", "3/30"],
  "on-down": ["keep", "close"],
  "slow-start": ["0", "10"],
  schedule: ["rr", "least,0=hash", "0=first"],
  wait: ["5", "0.5:10"],
  workers: ["1", "4"],
  engine: ["streams", "epoll"],
  grace: ["0", "60"],
  "pid-file": ["a b.pid", "/x"],
  log: ["syslog", "web log#1"],
  "log-format": ["json", "text"],
  metrics: ["9550", "[::1]:80"],
  "metrics-host": ["a", "b.c,d"],
  "dump-file": ["/x.txt", "%t.json"],
  "max-groups": ["1", "1024"],
  "max-channels": ["7"],
};
const FLAGS = OPTIONS.filter(({ name, argument }) => argument === undefined && name.length === 1)
  .map(({ name }) => name).filter((name) => !["c", "i"].includes(name));
const WORDS = ["web1", "web2:80:5,weight=2", "[::1]:80", "!", "%", "a", "t", "x,check=exec:a"];

t("any command line means the same line by line in a file", () => {
  const draw = drawer(17), names = Object.keys(VALUES);
  let valid = 0;
  for (let round = 0; round < 2000; round++) {
    const argv: string[] = [], lines: string[] = [];
    const used = new Set(
      Array.from({ length: draw.below(6) }, () => draw.of([...names, ...FLAGS])),
    );
    for (const name of used) {
      const entry = OPTIONS.find((one) => one.name === name)!, long = namesOf(entry).at(-1)!;
      const values = VALUES[name], value = values && draw.of(values);
      argv.push(dashed({ name: draw.of(namesOf(entry)) }), ...value === undefined ? [] : [value]);
      lines.push(value === undefined ? long : `${long}${draw.of([" ", "\t  "])}${value}`);
      if (draw.percent(20)) lines.push(draw.of(["", "# grace x", "  \t"]));
    }
    argv.push("8080");
    lines.splice(draw.below(lines.length + 1), 0, "listen 8080");
    for (let n = draw.below(6); n > 0; n--) {
      const word = draw.of(WORDS);
      argv.push(word);
      lines.push(word + draw.of(["", "  # a comment"]));
    }
    const result = (run: () => Options): unknown => {
      try {
        return { ...plain(run()), warnings: undefined };
      } catch (error) {
        if (!(error instanceof UsageError)) throw error;
        return "refused";
      }
    };
    const expected = result(() => parseOptions(argv));
    if (expected !== "refused") valid++;
    assertEquals(result(() => parse(`${lines.join("\n")}\n`)), expected, lines.join("\n"));
  }
  assertEquals(valid > 500, true, `${valid} are valid`);
}, PURE);
