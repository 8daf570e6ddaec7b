/** What balance may run: nothing, unless an `exec` check is on the command line. */

import { assert, assertEquals } from "@std/assert";
import { freePort } from "../../helpers/net/ports.ts";
import { sourceFlags } from "../../helpers/program/program.ts";
import { runProgram } from "../../helpers/program/start_program.ts";
import { t } from "../../helpers/t.ts";
import { tempDir } from "../../helpers/temp_dir.ts";

const ROOT = new URL("../../../", import.meta.url).pathname;

/** The balancer as `main.ts` runs it. Once it serves, its process tries to run a program. */
const PROBE = `
  const state = () => {
    try {
      return "exit code " + new Deno.Command("/bin/true", { clearEnv: true }).outputSync().code;
    } catch (error) {
      return error.name;
    }
  };
  if (self.name === "probe") self.postMessage(state());
  else {
    const { prepareProcess } = await import("${ROOT}lib/native/process.ts");
    prepareProcess("probe", Deno.args);
    const { run } = await import("${ROOT}lib/process/run.ts");
    const before = state();
    const ended = run(Deno.args);
    const port = Number(Deno.args.find((word) => /^\\d+$/.test(word)));
    for (let serves = false; !serves;) {
      await new Promise((resolve) => setTimeout(resolve, 10));
      serves = await Deno.connect({ port }).then((conn) => (conn.close(), true), () => false);
    }
    const worker = new Worker(import.meta.url, { type: "module", name: "probe" });
    worker.onmessage = ({ data }) => {
      console.log(JSON.stringify({ before, main: state(), worker: data }));
      Deno.exit(0);
    };
    await ended;
  }`;

async function statesOf(channel: string, options: string[] = []): Promise<Record<string, string>> {
  using dir = tempDir();
  const probe = `${dir.path}/probe.ts`;
  await Deno.writeTextFile(probe, PROBE);
  const { stdout, stderr } = await runProgram(Deno.execPath(), [
    ...[...sourceFlags({ cachedOnly: true }), "--no-check", probe],
    ...["-f", ...options, String(freePort()), channel],
  ], { env: { BALANCE_RUNDIR: dir.path } });
  assert(stdout !== "", stderr);
  return JSON.parse(stdout);
}

t("balance without an exec check cannot run programs once it serves, in no thread", async () => {
  for (const options of [[], ["--check", "tcp"], ["--workers=2"]]) {
    assertEquals(
      await statesOf("127.0.0.1:1,weight=2", options),
      { before: "exit code 0", main: "NotCapable", worker: "NotCapable" },
      options.join(" "),
    );
  }
});

t("balance with an exec check on the command line can run programs", async () => {
  const allowed = { before: "exit code 0", main: "exit code 0", worker: "exit code 0" };
  assertEquals(await statesOf("127.0.0.1:1,check=exec:/bin/true"), allowed);
  assertEquals(await statesOf("127.0.0.1:1", ["--check", "exec:/bin/true"]), allowed);
});

t("an exec check without the permission to run programs is refused at the start", async () => {
  const flags = sourceFlags({ cachedOnly: true }).filter((word) => word !== "--allow-run");
  const args = [`${ROOT}main.ts`, "-f", "--check", "exec:/bin/true", String(freePort()), "h:1"];
  const { code, stderr } = await runProgram(Deno.execPath(), [...flags, ...args]);
  assertEquals(
    { code, stderr },
    { code: 77, stderr: "balance: exec checks need the permission --allow-run\n" },
  );
});
