import { assertEquals, assertThrows } from "@std/assert";
import { readRangeFile } from "../../../lib/access/lists/range_file.ts";
import { PrefixCollector, type PrefixSet, prefixSet } from "../../../lib/access/prefixes.ts";
import { parseNetwork } from "../../../lib/address/cidr.ts";
import { UsageError } from "../../../lib/base/errors.ts";
import { randomNumbers } from "../../helpers/bytes.ts";
import { CIDR_CASES, INVALID_CIDRS } from "../../helpers/cidr_cases.ts";
import { t } from "../../helpers/t.ts";

const PURE = { permissions: "none" } as const;

function read(text: string | Uint8Array): { set: PrefixSet; count: number } {
  const ranges = new PrefixCollector();
  const bytes = typeof text === "string" ? new TextEncoder().encode(text) : text;
  const count = readRangeFile(bytes, { file: "list", ranges });
  return { set: ranges.set, count };
}

/** The set of one range, or the message of the error. */
function outcome(run: () => PrefixSet): PrefixSet | string {
  try {
    return run();
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    return error.message.replace("balance: list:1: ", "");
  }
}

t("a line of a file means what parseNetwork() reads, and is invalid if that refuses it", () => {
  const next = randomNumbers(7), random = (n: number) => next() % n;
  const texts = [
    ...new Set(CIDR_CASES.map(({ range }) => range)),
    ...INVALID_CIDRS.map(({ range }) => range),
    ..."1:2:3:4:5:6:7:8 1:2:3:4:5:6:7:8/64 1::8/9 2001:DB8::/32 1:2:3:4:5:6:7:: ::2:3:4:5:6:7:8"
      .split(" "),
    ..."1:2:3:4:5:6:7:8:9 1::2::3 1::: :1 1: 12345::1 1:2 ::ffff:1.2.3.4 1::1.2.3.4/100 1::/129"
      .split(" "),
    ..."0.0.0.0/0 1.2.3.4/00 1.2.3.4/0032 1.2.3 1.2.3.4.5 1.2.3.1000 00.1.2.3 1.2.3.4x 1..2.3"
      .split(" "),
  ];
  const letters = "0123456789abcdefABCDEFg:::...//x#";
  for (const text of texts.filter((one) => one !== "").slice()) {
    for (let i = 0; i < 40; i++) {
      const at = random(text.length + 1), cut = random(2);
      texts.push(text.slice(0, at) + letters[random(letters.length)] + text.slice(at + cut));
    }
  }
  for (const text of texts) {
    const trimmed = text.trim();
    if (trimmed === "" || trimmed.startsWith("#")) continue;
    assertEquals(
      outcome(() => read(text).set),
      outcome(() => prefixSet([parseNetwork(trimmed)])),
      `[${text}]`,
    );
  }
}, PURE);

t("files have comments, blank lines and blanks, and each range counts once", () => {
  const text = "# who\n\n  \t\n10.0.0.0/8 # a network\n\t::1\n::1/128\n2001:db8::/32#no\n";
  const error = assertThrows(() => read(text), UsageError);
  assertEquals(
    error.message,
    "balance: list:7: invalid range [2001:db8::/32#no]: bits must be 0 to 128",
  );
  const { set, count } = read(text.replace("#no\n", "\t# no"));
  assertEquals(count, 4);
  assertEquals(set, prefixSet(["10.0.0.0/8", "::1", "2001:db8::/32"].map(parseNetwork)));
  assertEquals(read("").count, 0);
  assertEquals(read("1.1.1.1").count, 1);
}, PURE);

const CARRIAGE_RETURN = "contains a carriage return: lines end with LF, not CR LF";

t("a file that is no text is refused with its line", () => {
  for (
    const [text, message] of [
      ["1.1.1.1\r\n", `list:1: ${CARRIAGE_RETURN}`],
      ["# a\r10.0.0.1\r10.0.0.2\r", `list:1: ${CARRIAGE_RETURN}`],
      ["1.1.1.1\r2.2.2.2\r", `list:1: ${CARRIAGE_RETURN}`],
      ["1.1.1.1\n# a comment\r\n", `list:2: ${CARRIAGE_RETURN}`],
      ["1.1.1.1\n\n1.1.1.1 # x\r\n", `list:3: ${CARRIAGE_RETURN}`],
      ["1.1.1.1 # x\0\n", "list:1: contains a null byte, so this is not a text file"],
      ["# \0", "list:1: contains a null byte, so this is not a text file"],
      [Uint8Array.of(35, 10, 35, 32, 0xe9, 10), "list:2: not UTF-8 text"],
      [Uint8Array.of(49, 46, 49, 46, 49, 46, 49, 32, 35, 0xff), "list:1: not UTF-8 text"],
      ["1.1.1.1\n\uFEFF2.2.2.2\n", "list:2: starts with a byte order mark, remove it"],
      ["1.1.1.1\n2.2.2.2\0\n", "list:2: contains a null byte, so this is not a text file"],
      [
        "1.1.1.1 2.2.2.2\n",
        "list:1: invalid range [1.1.1.1 2.2.2.2]: want ADDRESS or ADDRESS/BITS",
      ],
    ] as const
  ) assertEquals(assertThrows(() => read(text), UsageError).message, `balance: ${message}`);
  assertEquals(read("# café\n1.1.1.1 # naïve\n").count, 1);
}, PURE);
