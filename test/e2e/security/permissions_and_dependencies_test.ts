/** The permissions of balance, and its dependencies. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { freePort } from "../../helpers/net/ports.ts";
import { config, sourceFlags } from "../../helpers/program/program.ts";
import { runProgram } from "../../helpers/program/start_program.ts";
import { t } from "../../helpers/t.ts";
import { tempDir } from "../../helpers/temp_dir.ts";

const ROOT = new URL("../../../", import.meta.url).pathname;

/** The program as `main.ts` runs it. Prints whether its process can open the C library, and when. */
const PROBE = `
  import { cLibraries } from "${ROOT}lib/native/c_library.ts";
  const state = () => cLibraries().map((path) => {
    try {
      Deno.dlopen(path, {}).close();
      return "opened";
    } catch (error) {
      return error instanceof Deno.errors.NotCapable ? "refused" : "absent";
    }
  });
  const stateOfWorker = () => new Promise((resolve) => {
    const worker = new Worker(import.meta.url, { type: "module", name: "probe" });
    worker.onmessage = ({ data }) => resolve(data);
  });
  if (self.name === "probe") self.postMessage(state());
  else {
    const { prepareProcess } = await import("${ROOT}lib/native/process.ts");
    const atStart = state();
    prepareProcess("probe", Deno.args);
    const prepared = state(), preparedInWorker = await stateOfWorker();
    const { run } = await import("${ROOT}lib/process/run.ts");
    const ended = run(Deno.args);
    const port = Number(Deno.args.find((word) => /^\\d+$/.test(word)));
    if (port > 0) {
      // It closes the connection of a client, because there is no backend.
      for (let isServed = false; !isServed;) {
        await new Promise((resolve) => setTimeout(resolve, 10));
        const conn = await Deno.connect({ port }).catch(() => undefined);
        isServed = conn !== undefined && await conn.read(new Uint8Array(1)) === null;
        conn?.close();
      }
      // Workers may serve a moment before the last of them has started.
      for (let i = 0; i < 500 && state().includes("opened"); i++) {
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    } else await ended;
    const states = { atStart, prepared, preparedInWorker };
    const after = { main: state(), worker: await stateOfWorker() };
    console.log("\\n" + JSON.stringify({ ...states, ...after }));
    Deno.exit(0);
  }`;

/** What can be opened when, as the probe finds it; the paths of the C library that do not exist. */
async function librariesOf(argv: readonly string[]): Promise<Record<string, string>> {
  using dir = tempDir();
  const probe = `${dir.path}/probe.ts`;
  await Deno.writeTextFile(probe, PROBE);
  const args = [...sourceFlags({ cachedOnly: true }), "--no-check", probe, ...argv];
  const env = { BALANCE_RUNDIR: dir.path };
  const { code, stdout, stderr } = await runProgram(Deno.execPath(), args, { env });
  assertEquals([code, stderr], [0, ""]);
  const found: Record<string, string[]> = JSON.parse(stdout.trimEnd().split("\n").at(-1)!);
  return Object.fromEntries(
    Object.entries(found).map(([name, states]) => {
      const isRefused = states.every((state) => state === "refused");
      return [name, isRefused ? "refused" : states.includes("opened") ? "opened" : "absent"];
    }),
  );
}

const REFUSED = {
  prepared: "refused",
  preparedInWorker: "refused",
  main: "refused",
  worker: "refused",
};
const REFUSED_LATER = { ...REFUSED, prepared: "opened", preparedInWorker: "opened" };

t("with the streams engine, no library can be opened after the first statement", async () => {
  const main = Deno.readTextFileSync(`${ROOT}main.ts`);
  assertMatch(main, /if \(import\.meta\.main\) \{\n {2}prepareProcess\(/);
  for (const options of [["-f"], ["-f", "--workers=2"], ["-f", "--engine=streams"]]) {
    const found = await librariesOf([...options, String(freePort()), "127.0.0.1:1"]);
    assertEquals(found, { atStart: "opened", ...REFUSED }, options.join(" "));
  }
});

t("with the epoll engine, no library can be opened once all workers serve", async () => {
  for (const options of [["-f"], ["-f", "--workers=2"], ["-f", "-p"]]) {
    const argv = ["--engine", "epoll", ...options, String(freePort()), "127.0.0.1:1"];
    assertEquals(await librariesOf(argv), { atStart: "opened", ...REFUSED_LATER }, argv.join(" "));
  }
});

t(
  "a program that does not serve can open no library, whatever its command line contains",
  async () => {
    for (const argv of [["--engine", "epoll", "--help"], ["--engine=epoll", "--version"]]) {
      assertEquals(
        await librariesOf(argv),
        { atStart: "opened", ...REFUSED_LATER },
        argv.join(" "),
      );
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
    assertEquals(packages.map(([name]) => name.replace(/@[^@]*$/, "")), [
      "@leichtgewicht/ip-codec",
      "deno-std",
      "dns-packet",
      "shell-quote",
    ]);
    for (const [name, { integrity }] of packages) assertMatch(integrity ?? "", /^sha512-/, name);
    assertEquals([lock.jsr, lock.remote], [undefined, undefined]);
    assertMatch(Deno.readTextFileSync(`${ROOT}.ci/run`), /deno install --frozen /);
  },
);
