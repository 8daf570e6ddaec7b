import { assertEquals, assertThrows } from "@std/assert";
import { UsageError } from "../../../lib/base/errors.ts";
import type { Spelling } from "../../../lib/config_file/given.ts";
import { splitOptions } from "../../../lib/cli/getopt.ts";
import { t } from "../../helpers/t.ts";

const PURE = { permissions: "none" } as const;

const SPELLINGS = new Map<string, Spelling>(
  ([["a"], ["b", true], ["d"], ["f"], ["t", true], ["6"], ["help"], ["max-groups", true]] as const)
    .map(([name, takesArgument = false]) => [name, { name, takesArgument }]),
);
SPELLINGS.set("timeout", { name: "t", takesArgument: true });

/** As words: `--t=2` for an option, the operand itself. */
function split(argv: string[]): { options: string[]; operands: string[] } {
  const words = splitOptions(argv, SPELLINGS);
  return {
    options: words.flatMap(({ name, value }) =>
      name === undefined ? [] : [`--${name}${value === undefined ? "" : `=${value}`}`]
    ),
    operands: words.flatMap(({ name, value = "" }) => name === undefined ? [value] : []),
  };
}

const rewritten: [name: string, argv: string[], options: string[], operands: string[]][] = [
  ["nothing stays nothing", [], [], []],
  ["operands stay operands", ["8080", "host"], [], ["8080", "host"]],
  ["a letter stands alone", ["-f", "80"], ["--f"], ["80"]],
  ["bundled letters are taken apart", ["-afd"], ["--a", "--f", "--d"], []],
  ["an argument may be attached", ["-t2"], ["--t=2"], []],
  ["an argument may follow", ["-t", "2"], ["--t=2"], []],
  ["the rest of a bundle is the argument", ["-ftfd"], ["--f", "--t=fd"], []],
  ["a bundle may end in an option whose argument follows", ["-ft", "2"], ["--f", "--t=2"], []],
  ["an argument may start with a dash", ["-t", "-1"], ["--t=-1"], []],
  ["an argument may be --", ["-b", "--", "80"], ["--b=--"], ["80"]],
  ["an argument may be empty", ["-b", ""], ["--b="], []],
  ["an argument may hold an equals sign", ["-ba=b"], ["--b=a=b"], []],
  ["options are found after operands", ["80", "-f", "host", "-d"], ["--f", "--d"], ["80", "host"]],
  ["-- ends the options", ["-f", "--", "-5", "-d"], ["--f"], ["-5", "-d"]],
  ["only the first -- does", ["--", "--"], [], ["--"]],
  ["a dash alone is an operand", ["-f", "-"], ["--f"], ["-"]],
  ["an empty argument is an operand", ["", "x"], [], ["", "x"]],
  ["a digit may be an option", ["-6f"], ["--6", "--f"], []],
  ["a long option takes no argument", ["--help", "x"], ["--help"], ["x"]],
  ["a long option's argument follows =", ["--max-groups=3"], ["--max-groups=3"], []],
  ["a long option's argument follows", ["--max-groups", "3"], ["--max-groups=3"], []],
  ["a long option's argument may hold =", ["--max-groups=a=b"], ["--max-groups=a=b"], []],
  ["the long name of a letter is the same option", ["--timeout=2"], ["--t=2"], []],
  ["a long option's argument may be empty", ["--max-groups="], ["--max-groups="], []],
];

for (const [name, argv, options, operands] of rewritten) {
  t(`splitOptions(): ${name}`, () => {
    assertEquals(split(argv), { options, operands });
  }, PURE);
}

const HELP = " (try balance --help)";

const refused: [argv: string[], message: string][] = [
  [["-x"], `balance: invalid option -- 'x'${HELP}`],
  [["-fx", "80"], `balance: invalid option -- 'x'${HELP}`],
  [["-f-"], `balance: invalid option -- '-'${HELP}`],
  [["-fé"], `balance: invalid option -- 'é'${HELP}`],
  [["-F"], "balance: invalid option -- 'F' (did you mean -f?)"],
  [["-h"], "balance: invalid option -- 'h' (did you mean --help?)"],
  [["-max-groups=3"], "balance: invalid option -- 'm' (did you mean --max-groups?)"],
  // A property name of every object is not an option.
  [["--constructor"], `balance: unrecognized option '--constructor'${HELP}`],
  [["-t"], `balance: option requires an argument -- 't'${HELP}`],
  [["-ft"], `balance: option requires an argument -- 't'${HELP}`],
  [["80", "-b"], `balance: option requires an argument -- 'b'${HELP}`],
  [["--nothing"], `balance: unrecognized option '--nothing'${HELP}`],
  [["--nothing=1"], `balance: unrecognized option '--nothing'${HELP}`],
  [["--t=1"], "balance: unrecognized option '--t' (did you mean -t?)"],
  [["--timeout"], `balance: option '--timeout' requires an argument${HELP}`],
  [["--timeuot=1"], "balance: unrecognized option '--timeuot' (did you mean --timeout?)"],
  [["--help=1"], `balance: option '--help' doesn't allow an argument${HELP}`],
  [["--max-groups"], `balance: option '--max-groups' requires an argument${HELP}`],
  [["--maxgroups=1"], "balance: unrecognized option '--maxgroups' (did you mean --max-groups?)"],
  // Long options cannot be abbreviated, so a new option never changes an old command line.
  [["--max-g", "3"], "balance: unrecognized option '--max-g' (did you mean --max-groups?)"],
];

for (const [argv, message] of refused) {
  t(`splitOptions() refuses ${argv.join(" ")}`, () => {
    const error = assertThrows(() => splitOptions(argv, SPELLINGS), UsageError);
    assertEquals([error.message, error.exitCode], [message, 64]);
  }, PURE);
}
