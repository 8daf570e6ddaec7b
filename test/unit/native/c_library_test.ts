/** Calls of the C library, in a separate process: the permission is revoked after the first one. */

import { assertEquals } from "@std/assert";
import { sourceFlags } from "../../helpers/program/program.ts";
import { runProgram } from "../../helpers/program/start_program.ts";
import { t } from "../../helpers/t.ts";
import { tempDir } from "../../helpers/temp_dir.ts";

const ROOT = new URL("../../../", import.meta.url).pathname;

/** Runs a module that has opened the C library. @returns What it has printed, as JSON. */
async function withC(script: string, env: Record<string, string> = {}): Promise<unknown> {
  using dir = tempDir();
  const path = `${dir.path}/probe.ts`;
  Deno.writeTextFileSync(
    path,
    `import { openCLibrary } from "${ROOT}lib/native/c_library.ts";
     import * as memory from "${ROOT}lib/native/memory.ts";
     import { localParts } from "${ROOT}lib/native/local_time.ts";
     const c = openCLibrary()!;
     ${script}`,
  );
  const args = [...sourceFlags({ cachedOnly: true }), "--no-check", path, "ä", "", "b\nc"];
  const { code, stdout, stderr } = await runProgram(Deno.execPath(), args, { env });
  assertEquals([code, stderr], [0, ""]);
  return JSON.parse(stdout);
}

t("localParts() supports every form of TZ, and daylight saving time", async () => {
  const moments = ["2026-01-15T12:34:56Z", "2026-07-15T12:34:56Z", "2026-12-31T23:30:00.999Z"];
  const script = `console.log(JSON.stringify(${JSON.stringify(moments)}.map((text) => {
    const { year, month, day, hours, minutes, seconds } = localParts(new Date(text));
    return [year, month, day, hours, minutes, seconds];
  })))`;
  assertEquals(await withC(script, { TZ: "CET-1CEST,M3.5.0,M10.5.0/3" }), [
    [2026, 0, 15, 13, 34, 56],
    [2026, 6, 15, 14, 34, 56],
    [2027, 0, 1, 0, 30, 0],
  ]);
});

t("readProc() reads a whole file of /proc/self; a missing one is undefined", async () => {
  const script = `
    const text = new TextDecoder().decode(memory.readProc(c, "cmdline"));
    console.log(JSON.stringify([text.split("\\0").slice(-4), memory.readProc(c, "nosuch") ?? null]));`;
  assertEquals(await withC(script), [["ä", "", "b\nc", ""], null]);
});

t("stringArray() and stringsAt() agree, also while garbage is collected", async () => {
  const script = `
    const long = "x".repeat(100_000);
    const strings = ["", "a", "ö", long].map((text) => new TextEncoder().encode(text));
    let equal = 0;
    for (let i = 0; i < 200; i++) {
      const block = memory.stringArray(c, strings);
      Array.from({ length: 100 }, () => new Uint8Array(10_000));
      const start = c.memmove(block, block, 0n);
      const read = memory.stringsAt(c, start).map((bytes) => new TextDecoder().decode(bytes));
      if (read.join("|") === "|a|ö|" + long) equal++;
    }
    console.log(equal);`;
  assertEquals(await withC(script), 200);
});
