import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { runProgram } from "../../helpers/program/start_program.ts";
import { skip, t, tool } from "../../helpers/t.ts";

const FOLDER = new URL("../../../scripts/package/", import.meta.url).pathname;

const npx = tool("npx");
for (
  const linter of [["dockerfilelint@1.8.0"], ["dockerfile-utils@0.16.3", "lint"]] as [
    string,
    ...string[],
  ][]
) {
  const name = `${linter[0]} accepts the Dockerfile`;
  if (npx === undefined) skip(name, "npx is not installed");
  else {
    t(name, async () => {
      const args = ["--yes", ...linter, `${FOLDER}Dockerfile`];
      const { code, stdout, stderr } = await runProgram(npx, args, { timeoutMs: 120_000 });
      const missing = /^npm (?:error|ERR!) code (\S+)/m.exec(stderr)?.[1];
      if (missing !== undefined) console.log(`skipped: ${name}: npm cannot fetch it: ${missing}`);
      else assertEquals(code, 0, stdout + stderr);
    });
  }
}

t(
  "the Dockerfile builds with the Deno of README.md, and runs as a user other than root",
  async () => {
    const text = await Deno.readTextFile(`${FOLDER}Dockerfile`);
    const readme = await Deno.readTextFile(new URL("../../../README.md", import.meta.url));
    const deno = /npx -y (deno@\S+) task/.exec(readme)?.[1];
    assertStringIncludes(text, `RUN npx -y ${deno} task compile\n`);
    const last = text.split(/^FROM /m).at(-1) ?? "";
    assertMatch(last, /^USER [1-9]\d*:[1-9]\d*$/m);
  },
);
