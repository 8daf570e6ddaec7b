/** Bugs of ours, as users meet them: one line, and whoever is connected stays so. */

import { assertEquals, assertMatch } from "@std/assert";
import { bugLine } from "../../../lib/base/errors.ts";
import { Clock } from "../../../lib/connection/clock.ts";
import { serve } from "../../../lib/connection/accept_loop.ts";
import { denoEngine } from "../../../lib/engine/deno/deno_engine.ts";
import { newTable } from "../../../lib/table/table.ts";
import { named } from "../../helpers/net/backends.ts";
import { ask } from "../../helpers/net/client.ts";
import { runProgram } from "../../helpers/program/start_program.ts";
import { t, until } from "../../helpers/t.ts";

const ROOT = new URL("../../../", import.meta.url).pathname;

t("bugLine() is one line that says what and where", () => {
  assertMatch(
    bugLine(new TypeError("a\nb")),
    /^internal error: a b at .*bugs_test\.ts:\d+:\d+\)?$/,
  );
  assertEquals(bugLine("x"), "internal error: x");
  assertEquals(bugLine(undefined), "internal error: undefined");
});

t("serve() says a bug that one connection meets, and serves the next", async () => {
  await using server = named("B0");
  const table = newTable({ groups: 1, channels: 1, workers: 1 });
  table.add(0, { address: new Uint8Array([127, 0, 0, 1]), port: server.port });
  const said: string[] = [];
  let dials = 0;
  const listener = denoEngine.listen({ address: "127.0.0.1", port: 0 });
  const { port } = listener.local;
  const serving = serve(listener, {
    engine: {
      ...denoEngine,
      dial: (to, options) => {
        if (dials++ === 0) throw new TypeError("a bug");
        return denoEngine.dial(to, options);
      },
    },
    table,
    clock: new Clock(),
    options: { connectTimeoutMs: 1000, idleTimeoutMs: 0, hashFailover: false, autoDisable: false },
    notice: (line) => said.push(line),
  });
  assertEquals([await ask(port), await ask(port)], ["EOF", "B0"]);
  await until(() => table.c(0, 0) === 0, { what: "the claims" });
  await serving.stop();
  await serving.done;
  assertEquals(said.length, 1);
  assertMatch(said[0]!, /^internal error: a bug at .*$/);
});

t("what nobody caught is said in one line, and the program goes on", async () => {
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
