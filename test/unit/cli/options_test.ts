import { assertMatch, assertThrows } from "@std/assert";
import { UsageError } from "../../../lib/base/errors.ts";
import { parseOptions } from "../../../lib/cli/options.ts";
import { t } from "../../helpers/t.ts";

const PURE = { permissions: "none" } as const;

t("parseOptions() refuses a log on stdout where that is something else", () => {
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
