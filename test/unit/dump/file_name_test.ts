import { assertEquals, assertThrows } from "@std/assert";
import { UsageError } from "../../../lib/base/errors.ts";
import {
  expandFileName,
  FileNames,
  hasTime,
  isPerConnection,
} from "../../../lib/dump/file_name.ts";
import { fileTime } from "../../../lib/dump/formats/times.ts";
import { START } from "../../helpers/dump/generated_traffic.ts";
import { t } from "../../helpers/t.ts";
import { assertRefused } from "../../helpers/dump/assert_refused.ts";

const PURE = { permissions: "none" } as const;

t("expandFileName() replaces %t, %p, %n and %%, and refuses other placeholders", () => {
  const values = { time: "20261122T060320", port: 8080, connection: 17 };
  assertEquals(
    expandFileName("dump-%p-%t-%n.pcapng", values),
    "dump-8080-20261122T060320-17.pcapng",
  );
  assertEquals(expandFileName("100%%t", values), "100%t");
  assertEquals(expandFileName("plain", { time: "", port: 1 }), "plain");
  assertEquals(["a%n", "a%%n", "a"].map(isPerConnection), [true, false, false]);
  assertEquals(["a%t", "a%%t", "a"].map(hasTime), [true, false, false]);
  assertRefused((name) => expandFileName(name, values), ["", "a%", "a%x", "%T", "%%%"]);
  assertRefused((name) => expandFileName(name, { time: "", port: 1 }), ["a%n"]);
  assertThrows(() => expandFileName("a\0b", values), UsageError, "null byte");
}, PURE);

t("FileNames numbers files that start in the same second", () => {
  const names = new FileNames("d-%p-%t", { port: 8080 });
  const [first, second] = [START, START + 1_000_000].map((time) => `d-8080-${fileTime(time)}`);
  const starts = [START, START + 1, START + 1_000_000, START + 1_000_001];
  assertEquals(starts.map((now) => names.next(now)), [first, `${first}-2`, second, `${second}-2`]);
  const plain = new FileNames("d", { port: 8080 });
  assertEquals([plain.next(START), plain.next(START)], ["d", "d"]);
  assertEquals(new FileNames("-", { port: 8080 }).next(START), "-");
}, PURE);
