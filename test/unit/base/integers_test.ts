import { assertEquals } from "@std/assert";
import { durationFault, parseDuration } from "../../../lib/base/integers.ts";
import { t } from "../../helpers/t.ts";

const PURE = { permissions: "none" } as const;
const RANGE = { min: 50, max: 86_400_000 };

t("parseDuration() reads seconds with decimals, and the units ms, s, m and h", () => {
  const cases: [text: string, ms: number][] = [
    ["2", 2000],
    ["0.5", 500],
    ["1.1", 1100],
    ["0.05", 50],
    ["500ms", 500],
    ["62.6ms", 63],
    ["2s", 2000],
    ["0.25s", 250],
    ["1m", 60_000],
    ["1.5m", 90_000],
    ["24h", 86_400_000],
    ["0.5h", 1_800_000],
    ["86400", 86_400_000],
    ["007", 7000],
  ];
  for (const [text, ms] of cases) assertEquals(parseDuration(text, RANGE), ms, text);
}, PURE);

t("parseDuration() refuses anything else, and what is out of range", () => {
  const refused = ["", " 2", "2 ", "-1", "+1", ".5", "2.", "1e3", "0x10", "٣", "2d", "2S", "s"];
  const outside = ["0", "0.049", "49ms", "86400.001", "1441m", "25h", "9".repeat(400)];
  // They would be in the range after rounding to milliseconds.
  outside.push("0.0499", "49.9ms", "86400.0004");
  for (const text of [...refused, ...outside, "2\n"]) {
    assertEquals(parseDuration(text, RANGE), undefined, JSON.stringify(text));
  }
}, PURE);

t("durationFault() names the range in seconds, and the units", () => {
  const fault = "not a number of seconds from 0.05 to 86400, or with a unit: ms, s, m, h";
  assertEquals(durationFault(RANGE), fault);
}, PURE);
