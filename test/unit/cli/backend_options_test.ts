import { assertEquals, assertThrows } from "@std/assert";
import { UsageError } from "../../../lib/base/errors.ts";
import { type BackendOptions, scheduleOf } from "../../../lib/cli/backend_options.ts";
import { parseOptions } from "../../../lib/cli/options.ts";
import { t } from "../../helpers/t.ts";

const PURE = { permissions: "none" } as const;

/** The backend options of a command line with two groups. */
function parse(...argv: string[]): BackendOptions {
  return parseOptions([...argv, "8080", "web1", "web2", "!", "backup"]).backends;
}

t("without options, there are no checks, round robin and no wait line", () => {
  const expected: BackendOptions = {
    check: undefined,
    checkSettings: { intervalMs: 2000, rise: 2, fall: 3, timeoutMs: 2000 },
    passive: "default",
    onDown: "keep",
    slowStartMs: 0,
    schedules: { byGroup: new Map() },
    wait: undefined,
    sendProxy: "none",
  };
  assertEquals(parse(), expected);
  // Modes that serve nothing ignore the options, also invalid ones.
  assertEquals(parseOptions(["--interval", "x", "-c", "show", "8080"]).backends, expected);
}, PURE);

t("the options about checks are read, with durations in seconds or with a unit", () => {
  const timing = ["--interval", "0.2", "--rise=1", "--fall", "5", "--check-timeout=500ms"];
  const { check, checkSettings } = parse("--check", "http:/health=200,401", ...timing);
  assertEquals(check?.kind, "http");
  assertEquals(check?.text, "http:/health=200,401");
  assertEquals(checkSettings, { intervalMs: 200, rise: 1, fall: 5, timeoutMs: 500 });
  assertEquals(parse("--check", "none").check, undefined);
  const { onDown, slowStartMs } = parse("--on-down", "close", "--slow-start", "1m");
  assertEquals([onDown, slowStartMs], ["close", 60_000]);
}, PURE);

t("--passive is off, or failures and seconds, by default 30", () => {
  const passive = (text: string) => parse("--passive", text).passive;
  assertEquals(passive("off"), "off");
  assertEquals(passive("3"), { failures: 3, downMs: 30_000 });
  assertEquals(passive("1000/0.1"), { failures: 1000, downMs: 100 });
  assertEquals(passive("3/500ms"), { failures: 3, downMs: 500 });
}, PURE);

t("--wait is seconds and a number of clients, by default 1024", () => {
  assertEquals(parse("--wait", "2").wait, { ms: 2000, max: 1024 });
  assertEquals(parse("--wait", "0.001:1").wait, { ms: 1, max: 1 });
  assertEquals(parse("--wait", "1m:65536").wait, { ms: 60_000, max: 65536 });
}, PURE);

t("--schedule sets all groups that ! ends, and any group by its number", () => {
  const of = (...argv: string[]) => {
    const { schedules } = parse(...argv);
    return [
      scheduleOf(schedules, 0, "!"),
      scheduleOf(schedules, 0, "%"),
      scheduleOf(schedules, 1, "!"),
    ];
  };
  assertEquals(of(), ["rr", "hash", "rr"]);
  assertEquals(of("--schedule", "least"), ["least", "hash", "least"]);
  assertEquals(of("--schedule", "0=consistent"), ["consistent", "consistent", "rr"]);
  assertEquals(of("--schedule", "random,1=first"), ["random", "hash", "first"]);
  assertEquals(of("--schedule=1=first", "--schedule=0=hash"), ["hash", "hash", "first"]);
}, PURE);

t("a value that is invalid is refused, and the error names it", () => {
  const refused: [argv: string[], message: string][] = [
    [["--check", "htp:/x"], "invalid --check [htp:/x]: unknown check (did you mean http?)"],
    [["--check="], "invalid --check []: "],
    [
      ["--interval", "0.04"],
      "invalid --interval [0.04]: not a number of seconds from 0.05 to 86400",
    ],
    [["--check-timeout", "0"], "invalid --check-timeout [0]: not a number of seconds from 0.01 to"],
    [["--slow-start", "-1"], "invalid --slow-start [-1]: not a number of seconds from 0 to 86400"],
    [["--rise", "0"], "invalid --rise [0]: not a number from 1 to 1000"],
    [["--fall", "1001"], "invalid --fall [1001]: not a number from 1 to 1000"],
    [["--on-down", "kill"], "invalid --on-down [kill]: not one of keep, close"],
    [
      ["--passive", "on"],
      "invalid --passive [on]: [on] is neither off nor a number from 1 to 1000",
    ],
    [
      ["--passive", "0/5"],
      "invalid --passive [0/5]: [0] is neither off nor a number from 1 to 1000",
    ],
    [
      ["--passive", "3/"],
      "invalid --passive [3/]: [] is not a number of seconds from 0.1 to 86400",
    ],
    [
      ["--wait", "0.0009"],
      "invalid --wait [0.0009]: [0.0009] is not a number of seconds from 0.001",
    ],
    [["--check-timeout", "9.5ms"], "invalid --check-timeout [9.5ms]: not a number of seconds"],
    [["--wait", "0"], "invalid --wait [0]: [0] is not a number of seconds from 0.001 to 86400"],
    [["--wait", "1:0"], "invalid --wait [1:0]: [0] is not a number from 1 to 65536"],
    [["--wait", "1:"], "invalid --wait [1:]: [] is not a number from 1 to 65536"],
    [["--wait", "1:2:3"], "invalid --wait [1:2:3]: [2:3] is not a number from 1 to 65536"],
    [
      ["--schedule", "wrr"],
      "invalid --schedule [wrr]: not one of rr, hash, least, random, first, ",
    ],
    [["--schedule", "x=rr"], "invalid --schedule [x=rr]: not one of rr, "],
    [["--schedule", "rr,"], "invalid --schedule []: not one of rr, "],
    [["--schedule", "rr,least"], "invalid --schedule [rr,least]: all groups have two schedules"],
    [["--schedule", "1=rr,01=rr"], "invalid --schedule [1=rr,01=rr]: group 1 has two schedules"],
    [
      ["--schedule", "2=rr"],
      "balance: invalid --schedule [2=rr]: no such group, the groups are 0 to 1",
    ],
  ];
  for (const [argv, message] of refused) {
    const error = assertThrows(() => parse(...argv), UsageError, undefined, argv.join(" "));
    assertEquals(error.message.slice(0, message.length), message);
  }
}, PURE);
