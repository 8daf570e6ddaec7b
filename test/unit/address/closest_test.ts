import { assertEquals } from "@std/assert";
import { closest, typingErrors } from "../../../lib/address/closest.ts";
import { t } from "../../helpers/t.ts";

const PURE = { permissions: "none" } as const;
const KNOWN = ["http", "https", "smtp", "log", "log-format", "max-channels", "workers", "nfs"];

const cases: [typed: string, meant: string | undefined, why: string][] = [
  ["worker", "workers", "a letter is missing"],
  ["wokrers", "workers", "two neighbors are swapped"],
  ["wrkers2", "workers", "two errors in a long word"],
  ["wokrerz", "workers", "a swap and another error in a long word"],
  ["htpp", "http", "one error in a short word"],
  ["hhtp", "http", "a letter is doubled instead of another one"],
  ["smpt", "smtp", "two neighbors are swapped in a short word"],
  ["SMTP", "smtp", "the case is wrong"],
  ["NFS", "nfs", "the case of a short word is wrong"],
  ["hptt", undefined, "two errors in a short word"],
  ["max-c", "max-channels", "an unambiguous abbreviation"],
  ["log-", "log", "a letter too many wins over an abbreviation"],
  ["xx", undefined, "two letters are close to too many"],
  ["", undefined, "an empty word"],
  ["w".repeat(100_000), undefined, "a huge word"],
];

for (const [typed, meant, why] of cases) {
  t(`closest(): ${why}`, () => assertEquals(closest(typed, KNOWN), meant), PURE);
}

t("closest() finds nothing if an abbreviation is ambiguous", () => {
  assertEquals(closest("dump", ["dump-file", "dump-format"]), undefined);
}, PURE);

t("typingErrors() counts one swap of two adjacent letters as one error", () => {
  const cases: [typed: string, meant: string, errors: number][] = [
    ["tcp", "tcp", 0],
    ["tpc", "tcp", 1],
    ["exepct", "expect", 1],
    ["xepcet", "expect", 3],
    ["ab", "cd", 2],
    ["", "ab", 2],
    ["ab", "", 2],
  ];
  const found = cases.map(([typed, meant]) => typingErrors(typed, meant));
  assertEquals(found, cases.map(([, , errors]) => errors));
}, PURE);
