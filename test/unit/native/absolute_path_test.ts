import { assertEquals, assertThrows } from "@std/assert";
import { ExitError } from "../../../lib/base/errors.ts";
import { absolutePath } from "../../../lib/native/absolute_path.ts";
import { t } from "../../helpers/t.ts";

t("absolutePath() needs the working directory only for relative paths", () => {
  const before = Deno.cwd();
  try {
    Deno.chdir("/");
    assertEquals(absolutePath("x/y"), "/x/y");
    const gone = Deno.makeTempDirSync();
    Deno.chdir(gone);
    assertEquals(absolutePath("x"), `${Deno.cwd()}/x`);
    Deno.removeSync(gone);
    assertEquals(absolutePath("/x"), "/x");
    const error = assertThrows(() => absolutePath("x"), ExitError);
    assertEquals(error.message, "balance: can't use [x]: the working directory was removed");
    assertEquals(error.exitCode, 73);
  } finally {
    Deno.chdir(before);
  }
});
