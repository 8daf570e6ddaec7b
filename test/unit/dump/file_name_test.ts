import { assertEquals, assertThrows } from "@std/assert";
import { UsageError } from "../../../lib/base/errors.ts";
import { expandFileName, hasTime, isPerConnection } from "../../../lib/dump/file_name.ts";
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
