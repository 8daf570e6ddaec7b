import { assertEquals, assertMatch } from "@std/assert";
import { bugLine, systemReason } from "../../../lib/base/errors.ts";
import { t } from "../../helpers/t.ts";

t("bugLine() is one line with the message and the place of the error", () => {
  assertMatch(
    bugLine(new TypeError("a\nb")),
    /^internal error: a b at .*errors_test\.ts:\d+:\d+\)?$/,
  );
  assertEquals(bugLine("x"), "internal error: x");
  assertEquals(bugLine(undefined), "internal error: undefined");
});

t("systemReason() is the text of strerror(3), whatever function failed", () => {
  const reasons = [
    "Permission denied (os error 13): open '/x'",
    "Permission denied: open '/x'",
    "EACCES: permission denied, open '/x'",
  ].map((message) => systemReason(new Error(message)));
  assertEquals(new Set(reasons), new Set(["Permission denied"]));
});
