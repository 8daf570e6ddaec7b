/** The permissions of balance, and its dependencies. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { config, sourceFlags } from "../../helpers/program/program.ts";
import { runProgram } from "../../helpers/program/start_program.ts";
import { t } from "../../helpers/t.ts";
import { tempDir } from "../../helpers/temp_dir.ts";

const ROOT = new URL("../../../", import.meta.url).pathname;

t(
  "the C library cannot be opened after the start, neither in the main isolate nor in workers",
  async () => {
    const main = Deno.readTextFileSync(`${ROOT}main.ts`);
    assertMatch(main, /if \(import\.meta\.main\) \{\n {2}prepareProcess\(/);
    using dir = tempDir();
    const probe = `${dir.path}/probe.ts`;
    await Deno.writeTextFile(
      probe,
      `import { cLibraries } from "${ROOT}lib/native/c_library.ts";
       import { prepareProcess } from "${ROOT}lib/native/process.ts";
       const state = () => cLibraries().map((path) => {
         try {
           Deno.dlopen(path, {}).close();
           return "opened";
         } catch (error) {
           return error instanceof Deno.errors.NotCapable ? "refused" : "absent";
         }
       });
       const inWorker = self.document === undefined && typeof self.postMessage === "function" &&
         self.name === "probe";
       if (inWorker) self.postMessage(state());
       else {
         const before = state();
         prepareProcess("probe");
         const worker = new Worker(import.meta.url, { type: "module", name: "probe" });
         worker.onmessage = ({ data }) => {
           console.log(JSON.stringify({ before, after: state(), worker: data }));
           Deno.exit(0);
         };
       }`,
    );
    const args = sourceFlags({ cachedOnly: true });
    const found = await runProgram(Deno.execPath(), [...args, "--no-check", probe]);
    assertEquals(found.code, 0, found.stderr);
    const { before, after, worker } = JSON.parse(found.stdout);
    assert(before.includes("opened"), `the probe could not open it before: ${found.stdout}`);
    for (const states of [after, worker]) {
      assertEquals(new Set(states), new Set(["refused"]), found.stdout);
    }
  },
);

t("balance run from source has only the permissions of the executable, and never prompts", () => {
  const args = sourceFlags({ cachedOnly: true });
  const granted = args.filter((word) => /^(--allow|-A)/.test(word)).map((word) =>
    word.split("=")[0]
  );
  assertEquals(granted, [
    "--allow-net",
    "--allow-read",
    "--allow-write",
    "--allow-env",
    "--allow-sys",
    "--allow-ffi",
    "--allow-run",
  ]);
  assert(args.includes("--no-prompt"));
  assert(args.includes("--allow-run"), "see running_programs_test.ts");
});

t(
  "dependencies are pinned by exact version and digest, and CI does not change the lock file",
  () => {
    const { imports } = config() as unknown as { imports: Record<string, string> };
    for (const target of Object.values(imports)) assertMatch(target, /^npm:[\w-]+@\d+\.\d+\.\d+\//);
    const lock = JSON.parse(Deno.readTextFileSync(`${ROOT}deno.lock`));
    const packages = Object.entries<{ integrity?: string }>(lock.npm ?? {});
    // Those that SECURITY.md names.
    assertEquals(packages.map(([name]) => name.split("@")[0]), ["deno-std", "shell-quote"]);
    for (const [name, { integrity }] of packages) assertMatch(integrity ?? "", /^sha512-/, name);
    assertEquals([lock.jsr, lock.remote], [undefined, undefined]);
    assertMatch(Deno.readTextFileSync(`${ROOT}.ci/run`), /deno install --frozen /);
  },
);
