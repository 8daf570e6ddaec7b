/** Workers of the epoll engine, each story in a process of its own. */

import { assertEquals } from "@std/assert";
import { runProgram } from "../../helpers/program/start_program.ts";
import { skip, t } from "../../helpers/t.ts";
import { POOL_STORIES } from "../../helpers/workers/pool_stories.ts";

const STORIES = new URL("../../helpers/workers/pool_stories.ts", import.meta.url).pathname;

if (Deno.build.os !== "linux") skip("workers of the epoll engine", "it needs Linux");
else {
  for (const name of Object.keys(POOL_STORIES)) {
    t(name, async () => {
      const args = ["run", "-A", "--quiet", "--cached-only", "--no-check", STORIES, name];
      const { code, stderr } = await runProgram(Deno.execPath(), args);
      assertEquals({ code, stderr }, { code: 0, stderr: "" });
    });
  }
}
