/** Faults that users reported, each reproduced by a shell script of this folder. */

import { assert, assertEquals } from "@std/assert";
import { program } from "../../helpers/program/program.ts";
import { runProgram } from "../../helpers/program/start_program.ts";
import { skip, t, tool } from "../../helpers/t.ts";
import { namesIn } from "../../helpers/temp_dir.ts";

const FOLDER = new URL(".", import.meta.url).pathname;
const UNIT = new URL("../../../scripts/package/balance@.service", import.meta.url).pathname;
const TOOLS = ["bash", "python3", "setpriv", "unshare"];

/** Exit code of a script that cannot run here; its last line is the reason. */
const SKIPPED = 77;

const scripts = namesIn(FOLDER).filter((name) => name.endsWith(".sh") && name !== "header.sh")
  .sort();
for (const script of scripts) {
  const name = `reported fault: ${script.replace(/\.sh$/, "").replaceAll("-", " ")}`;
  const missing = TOOLS.find((each) => tool(each) === undefined);
  if (missing !== undefined) skip(name, `${missing} is not installed`);
  else if (Deno.build.os !== "linux") skip(name, "it needs Linux");
  else t(name, () => reproduce(script));
}

async function reproduce(script: string): Promise<void> {
  const { command, args } = program({ cachedOnly: true });
  const words = [command, ...args];
  assert(words.every((word) => !/\s/.test(word)), `a blank in [${words.join("] [")}]`);
  const { code, stdout, stderr } = await runProgram(tool("bash") ?? "", [FOLDER + script], {
    timeoutMs: 120_000,
    env: { BALANCE_CMD: words.join(" "), BALANCE_UNIT: UNIT },
  });
  if (code === SKIPPED) console.log(stdout.trim().split("\n").at(-1));
  else assertEquals(code, 0, stdout + stderr);
}

t("each of the reported faults has a script", () => {
  assertEquals(scripts.length, 8);
});
