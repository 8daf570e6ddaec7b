import { assert, assertEquals, assertThrows } from "@std/assert";
import { UsageError } from "../../../lib/base/errors.ts";
import { parseOptions } from "../../../lib/cli/options.ts";
import { CLASSIC_DUMP, describeDump, isClassic } from "../../../lib/dump/settings.ts";
import { t } from "../../helpers/t.ts";

const PURE = { permissions: "none" } as const;

/** The dump of a command line with these words before the port. */
function dumpOf(words: string) {
  const channels = words === "-i" ? [] : ["host", "host"];
  return parseOptions([...words.split(" "), "8080", ...channels]).dump;
}

t("parseOptions(): -p is the dump of 3.35 unless a --dump-* option changes it", () => {
  for (const words of ["-fp", "-f --dump-file -", "-fp --dump-format text --dump-overflow block"]) {
    assertEquals(dumpOf(words), { ...CLASSIC_DUMP, rotate: undefined }, words);
    assert(isClassic(dumpOf(words)!), words);
  }
  assertEquals(dumpOf("-f"), undefined);
  const other: [string, string][] = [
    ["-fp --dump-format hex", "hex to standard output"],
    ["-fp --dump-client 10.0.0.0/8", "text to standard output, client 10.0.0.0/8"],
    ["-f --dump-format pcapng --dump-file -", "pcapng to standard output"],
    ["-p --dump-file x", "text to x"],
    ["--dump-file x.pcapng --dump-channel 0.1", "pcapng to x.pcapng, channel 0.1"],
    ["--dump-file x --dump-match a --dump-bytes 5", "text to x, match a, bytes 5"],
  ];
  for (const [words, described] of other) {
    const dump = dumpOf(words)!;
    assertEquals([isClassic(dump), describeDump(dump)], [false, described], words);
  }
  assertEquals(dumpOf("-i"), undefined);
}, PURE);

t("parseOptions() refuses a dump without an output and --dump-* options without a dump", () => {
  const refused: [string, string][] = [
    ["-p", "-p needs -f: there is no stdout in the background"],
    ["-p --dump-format hex", "-p needs -f: there is no stdout in the background"],
    ["--dump-file -", "--dump-file - needs -f: there is no stdout in the background"],
    ["-f --dump-format hex", "--dump-format [hex] needs -p or --dump-file"],
    ["-f --dump-client ::1", "--dump-client [::1] needs -p or --dump-file"],
    ["-fp --dump-format xml", "invalid dump format [xml]: want text, hex, json, pcapng"],
    ["-fp --dump-rotate 1M", "a dump to standard output cannot be rotated"],
    ["-fp --log -", "--log - and -p both print on stdout"],
    [
      "-f --dump-file - --dump-format json --log -",
      "--log - and --dump-file - both print on stdout",
    ],
  ];
  for (const [words, message] of refused) {
    const error = assertThrows(() => dumpOf(words), UsageError);
    assertEquals([error.message, error.exitCode], [`balance: ${message}`, 64], words);
  }
}, PURE);
