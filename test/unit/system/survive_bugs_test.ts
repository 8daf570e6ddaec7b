import { assertEquals, assertMatch } from "@std/assert";
import { runProgram } from "../../helpers/program/start_program.ts";
import { t } from "../../helpers/t.ts";

const ROOT = new URL("../../../", import.meta.url).pathname;

t("surviveBugs() prints an uncaught error in one line, and the program continues", async () => {
  const script = `
    import { printErrorLine } from "${ROOT}lib/system/output.ts";
    import { surviveBugs } from "${ROOT}lib/system/survive_bugs.ts";
    surviveBugs(printErrorLine);
    Promise.reject(new Error("nobody waits"));
    setTimeout(() => { throw new Error("nobody catches"); }, 10);
    setTimeout(() => console.log("still here"), 50);`;
  const folder = await Deno.makeTempDir({ prefix: "balance-test-" });
  try {
    await Deno.writeTextFile(`${folder}/bug.ts`, script);
    const args = ["run", "--quiet", "--no-check", `--config=${ROOT}deno.json`, `${folder}/bug.ts`];
    const { code, stdout, stderr } = await runProgram(Deno.execPath(), args);
    assertEquals([code, stdout], [0, "still here\n"]);
    assertMatch(
      stderr,
      /^internal error: nobody waits at .*\ninternal error: nobody catches at .*\n$/,
    );
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
