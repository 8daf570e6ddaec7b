import { assertEquals, assertMatch } from "@std/assert";
import { bugLine } from "../../../lib/base/errors.ts";
import { t } from "../../helpers/t.ts";

t("bugLine() is one line with the message and the place of the error", () => {
  assertMatch(
    bugLine(new TypeError("a\nb")),
    /^internal error: a b at .*errors_test\.ts:\d+:\d+\)?$/,
  );
  assertEquals(bugLine("x"), "internal error: x");
  assertEquals(bugLine(undefined), "internal error: undefined");
});
