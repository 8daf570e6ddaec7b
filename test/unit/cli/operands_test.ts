import { assertEquals, assertThrows } from "@std/assert";
import { UsageError } from "../../../lib/base/errors.ts";
import { checkDumpChannel, checkScheduledGroup } from "../../../lib/cli/operands.ts";
import { parseOptions } from "../../../lib/cli/options.ts";
import { t } from "../../helpers/t.ts";

const PURE = { permissions: "none" } as const;

t("checkOperands() names the mistake, for -c usually missing quotes", () => {
  const cases: [string[], string][] = [
    [["-f"], "the port is missing (try balance --help)"],
    [["-i"], "-i needs the port of a running balance (try balance --help)"],
    [["-c", "show"], "-c needs the port of a running balance (try balance --help)"],
    [["-i", "80", "x", "y"], "too many arguments [x y]: -i takes only a port (try balance --help)"],
    [
      ["-c", "disable", "1", "8080"],
      "too many arguments [1 8080]: -c takes one command and a port " +
      '(the command needs quotes: -c "disable 1" 8080)',
    ],
    [
      ["-c", "show", "8080", "web1"],
      "too many arguments [8080 web1]: -c takes one command and a port (try balance --help)",
    ],
  ];
  for (const [argv, message] of cases) {
    const error = assertThrows(() => parseOptions(argv), UsageError);
    assertEquals(error.message, `balance: ${message}`);
  }
}, PURE);

t("checkDumpChannel() accepts channels that exist", () => {
  checkDumpChannel(undefined, []);
  checkDumpChannel("0.1", ["a", "b"]);
  checkDumpChannel("1.0", ["a", "b", "%", "c"]);
  checkDumpChannel("0.0", ["a", "!"]);
}, PURE);

t("checkDumpChannel() names the channels or groups that exist", () => {
  const cases: [string, string[], string][] = [
    ["0.0", [], "no channels are given"],
    ["0.1", ["a"], "the only channel of group 0 is 0.0"],
    ["0.2", ["a", "b"], "group 0 has the channels 0.0 to 0.1"],
    ["1.1", ["a", "b", "!", "c"], "the only channel of group 1 is 1.0"],
    ["1.0", ["a", "b", "!"], "the only group is 0"],
    ["7.0", ["a", "%", "b"], "the groups are 0 to 1"],
  ];
  for (const [text, operands, reason] of cases) {
    const error = assertThrows(() => checkDumpChannel(text, operands), UsageError);
    assertEquals(
      error.message,
      `balance: invalid --dump-channel [${text}]: no such channel, ${reason}`,
    );
  }
}, PURE);

t("checkScheduledGroup() accepts groups that exist, and names those that do", () => {
  const check = (group: number, operands: string[]) =>
    checkScheduledGroup(group, "least", operands);
  check(0, ["a"]);
  check(1, ["a", "%", "b", "!"]);
  const cases: [number, string[], string][] = [
    [2, ["a", "%", "b", "!"], "no such group, the groups are 0 to 1"],
    [1, ["a", "b", "!"], "no such group, the only group is 0"],
  ];
  for (const [group, operands, reason] of cases) {
    const error = assertThrows(() => check(group, operands), UsageError);
    assertEquals(error.message, `balance: invalid --schedule [${group}=least]: ${reason}`);
  }
  const none = assertThrows(() => check(0, []), UsageError);
  assertEquals(
    none.message,
    "balance: invalid --schedule [0=least]: no such group, no channels are given",
  );
}, PURE);
