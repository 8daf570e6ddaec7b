import { assertEquals, assertMatch } from "@std/assert";
import { runProgram } from "../../helpers/program/start_program.ts";
import { t } from "../../helpers/t.ts";

const ROOT = new URL("../../../", import.meta.url).pathname;

t("surviveBugs() prints an uncaught error in one line, and the program continues", async () => {
  const script = `
    import { printErrorLine } from "${ROOT}lib/system/output.ts";
    import { surviveBugs } from "${ROOT}lib/system/survive_bugs.ts";
    surviveBugs(printErrorLine);
    addEventListener("unhandledrejection", () => {
      setTimeout(() => { throw new Error("not caught"); });
    });
    addEventListener("error", () => setTimeout(() => console.log("still here")));
    Promise.reject(new Error("not awaited"));`;
  const folder = await Deno.makeTempDir({ prefix: "balance-test-" });
  try {
    await Deno.writeTextFile(`${folder}/bug.ts`, script);
    const args = ["run", "--quiet", "--no-check", `--config=${ROOT}deno.json`, `${folder}/bug.ts`];
    const { code, stdout, stderr } = await runProgram(Deno.execPath(), args);
    assertEquals([code, stdout], [0, "still here\n"]);
    assertMatch(
      stderr,
      /^internal error: not awaited at .*\ninternal error: not caught at .*\n$/,
    );
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
