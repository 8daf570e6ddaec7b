import { assert, assertEquals, assertMatch } from "@std/assert";
import {
  fileTime,
  isoTime,
  localTime,
  nowMicroseconds,
} from "../../../../lib/dump/formats/times.ts";
import { START } from "../../../helpers/dump/generated_traffic.ts";
import { t } from "../../../helpers/t.ts";

const PURE = { permissions: "none" } as const;

t("times: microseconds are kept, and the high-resolution clock agrees with Date.now()", () => {
  assertEquals(isoTime(1_000_001), "1970-01-01T00:00:01.000001Z");
  assertEquals(isoTime(START), "2026-11-22T06:03:20.123456Z");
  const local = new Date(START / 1000);
  assertEquals(Date.parse(localTime(START).slice(0, 23).replace(" ", "T")), Math.floor(+local));
  assertMatch(localTime(START), /^2026-11-2\d \d\d:\d\d:20\.123456$/);
  assertMatch(fileTime(START), /^2026112\dT\d{4}20$/);
  for (let i = 0; i < 100; i++) {
    // Read in between, since the process may be suspended at any point.
    const before = Date.now(), now = nowMicroseconds(), after = Date.now();
    assert(Number.isInteger(now));
    assert(now / 1000 > before - 20 && now / 1000 < after + 20, `${before} ${now} ${after}`);
  }
}, PURE);
