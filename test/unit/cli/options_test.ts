import { assertEquals, assertMatch, assertThrows } from "@std/assert";
import { UsageError } from "../../../lib/base/errors.ts";
import { OPTIONS } from "../../../lib/cli/option_table.ts";
import { parseOptions } from "../../../lib/cli/options.ts";
import { t } from "../../helpers/t.ts";

const PURE = { permissions: "none" } as const;

t("parseOptions() accepts every option of the table, with an argument where required", () => {
  for (const { name, argument } of OPTIONS) {
    const option = name.length === 1 ? `-${name}` : `--${name}`;
    // --list needs no port, and --json belongs to it.
    const others = ["list", "json"].includes(name) ? ["--list"] : ["-f", "8080"];
    try {
      parseOptions([...others, ...argument === undefined ? [option] : [option, "1"]]);
    } catch (error) {
      // The value may be invalid for this option, but the option itself is known.
      assertMatch((error as UsageError).message, /\[1\]/);
    }
  }
}, PURE);

t("parseOptions() keeps operands and arguments that look like numbers or flags as text", () => {
  const options = parseOptions(["-f", "0080", "1e3", "0x10", "-b", "0", "--", "--help", "-t"]);
  assertEquals(options.port, "0080");
  assertEquals(options.channels, ["1e3", "0x10", "--help", "-t"]);
  assertEquals([options.mode, options.bindHost], ["balance", "0"]);
}, PURE);

t("parseOptions() has the default timeouts and limits", () => {
  const { connectTimeoutS, idleTimeoutS, maxGroups, maxChannels } = parseOptions(["80"]);
  assertEquals([connectTimeoutS, idleTimeoutS, maxGroups, maxChannels], [5, 0, 16, 16]);
}, PURE);

t("parseOptions(): the last occurrence of an option counts", () => {
  assertEquals(parseOptions(["-t1", "-t2", "80"]).connectTimeoutS, 2);
}, PURE);

t("parseOptions(): -c takes precedence over -i", () => {
  const { mode, command } = parseOptions(["-i", "-c", "show", "80"]);
  assertEquals([mode, command], ["command", "show"]);
}, PURE);

t("parseOptions() converts -t and -T as leniently as 3.35, and refuses values below 1", () => {
  const seconds: [string, number][] = [
    ["1", 1],
    ["5x", 5],
    ["1.5", 1],
    [" 7", 7],
    ["+3", 3],
    ["99999999999", 2147483647],
  ];
  for (const [text, value] of seconds) {
    assertEquals(parseOptions(["-t", text, "80"]).connectTimeoutS, value, text);
    assertEquals(parseOptions(["-T", text, "80"]).idleTimeoutS, value, text);
  }
  for (const text of ["0", "abc", "0.5", "-1", "", "- 1"]) {
    for (const option of ["-t", "-T"]) {
      assertThrows(() => parseOptions([option, text, "80"]), UsageError, "", `${option} ${text}`);
    }
  }
}, PURE);

t("parseOptions() checks --max-groups and --max-channels, and names an invalid value", () => {
  assertEquals(parseOptions(["--max-groups=1024", "80"]).maxGroups, 1024);
  assertEquals(parseOptions(["--max-channels", "1", "80"]).maxChannels, 1);
  for (const text of ["0", "1025", "x", "", "1.5", "1e2"]) {
    const error = assertThrows(() => parseOptions([`--max-channels=${text}`, "80"]), UsageError);
    assertEquals(error.message.includes(`[${text}]`), true, error.message);
  }
}, PURE);

t("parseOptions() refuses a log on stdout in the background or together with -p", () => {
  const refused: [string[], RegExp][] = [
    [["--log", "-", "80"], /^balance: --log - needs -f/],
    [["-f", "-p", "--log=-", "80"], /^balance: --log - and -p both print/],
    [
      ["-f", "--log", "x", "--log-format", "xml", "80"],
      /^invalid --log-format \[xml\]: not one of/,
    ],
  ];
  for (const [argv, message] of refused) {
    assertMatch(assertThrows(() => parseOptions(argv), UsageError).message, message);
  }
}, PURE);
