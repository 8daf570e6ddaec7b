import { assert, assertEquals, assertThrows } from "@std/assert";
import { UsageError } from "../../../lib/base/errors.ts";
import { parseRotation } from "../../../lib/dump/rotation.ts";
import { t } from "../../helpers/t.ts";

t("parseRotation() reads SIZE[,COUNT] and names an invalid value", () => {
  assertEquals(parseRotation("1"), { bytes: 1, count: 10 });
  assertEquals(parseRotation("10k,3"), { bytes: 10240, count: 3 });
  assertEquals(parseRotation("100M"), { bytes: 100 * 1024 * 1024, count: 10 });
  assertEquals(parseRotation("2G,1"), { bytes: 2 ** 31, count: 1 });
  for (
    const text of ["", "0", "0k", "-1", "1T", "k", "1,", "1,0", "1,x", "1 ,2", "1.5M", "1,2,3"]
  ) {
    const error = assertThrows(() => parseRotation(text), UsageError);
    assert(error.message.includes(`[${text}]`), error.message);
  }
}, { permissions: "none" });
