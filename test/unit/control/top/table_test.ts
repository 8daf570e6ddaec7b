import { assert, assertEquals } from "@std/assert";
import { compact, shortened } from "../../../../lib/control/top/table.ts";
import { t } from "../../../helpers/t.ts";

const PURE = { permissions: "none" } as const;

t("compact() writes a number in at most five characters", () => {
  const cases: readonly [number, string][] = [
    [0, "0"],
    [0.04, "0.0"],
    [0.5, "0.5"],
    [5, "5"],
    [9.94, "9.9"],
    [9.96, "10"],
    [33.4, "33"],
    [999, "999"],
    [999.4, "999"],
    [999.6, "1.00k"],
    [1000, "1.00k"],
    [1234, "1.23k"],
    [9994, "9.99k"],
    [9996, "10.0k"],
    [99_949, "99.9k"],
    [99_951, "100k"],
    [999_499, "999k"],
    [999_500, "1.00M"],
    [1_234_567_890, "1.23G"],
    [2 ** 53, "9.01P"],
    [9.99e20, "999E"],
  ];
  for (const [value, expected] of cases) assertEquals(compact(value), expected, String(value));
  for (let value = 0.3; value < 1e20; value *= 1.37) {
    assert(compact(value).length <= 5, `${value}: ${compact(value)}`);
  }
}, PURE);

t("shortened() cuts the middle of a text that is too long", () => {
  assertEquals(shortened("192.168.1.1:8080", 16), "192.168.1.1:8080");
  assertEquals(shortened("192.168.1.1:8080", 11), "192.1~:8080");
  assertEquals(shortened("192.168.1.1:8080", 2), "1~");
  assertEquals(shortened("192.168.1.1:8080", 1), "~");
}, PURE);
