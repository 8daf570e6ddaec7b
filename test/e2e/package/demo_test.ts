import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { isAlive } from "../../helpers/program/process.ts";
import { t, until, within } from "../../helpers/t.ts";
import { tempDir } from "../../helpers/temp_dir.ts";

const DEMO = `${import.meta.dirname}/../../../scripts/demo.ts`;

function demo(env: Record<string, string> = {}): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", "--cached-only", DEMO],
    env: { DENO_NO_UPDATE_CHECK: "1", ...env },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

async function end(
  child: Deno.ChildProcess,
): Promise<{ code: number; stdout: string; stderr: string }> {
  const { code, stdout, stderr } = await within(child.output(), {
    timeoutMs: 20_000,
    what: "the demo to end",
    onTimeout: () => child.kill("SIGKILL"),
  });
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

/** Creates a shell script in place of balance. @returns Its path. */
function fakeBalance(folder: string, script: string): string {
  const path = `${folder}/balance`;
  Deno.writeTextFileSync(path, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return path;
}

t("the demo shows round robin, failover and recovery, and ends with 0", async () => {
  const { code, stdout, stderr } = await end(demo());
  assertEquals(stderr, "");
  assertMatch(stdout, /all three up +B0 B1 B2 B0 B1 B2/);
  assertMatch(stdout, /B1 stopped +B0: 6, B2: 6 +B0: 6, B2: 6 +ok/);
  assertMatch(stdout, /B1 back again +B0: 4, B1: 4, B2: 4 +B0: 4, B1: 4, B2: 4 +ok/);
  assertStringIncludes(stdout, "npx -y deno@2.9.6 task -q balance -f 8080 host1:80 host2:80");
  assertEquals(stdout.includes("\x1b"), false, "colors although stdout is not a terminal");
  assertEquals(code, 0);
});

t("the demo prints the error and ends with 1 if balance does not start", async () => {
  using dir = tempDir();
  const { code, stderr } = await end(
    demo({ BALANCE_BIN: fakeBalance(dir.path, "echo broken >&2; exit 3") }),
  );
  assertEquals(stderr, "demo: balance wrote to stderr: broken\n");
  assertEquals(code, 1);
});

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  t(`the demo ends with 130 after ${signal}, and leaves no balance running`, async () => {
    using dir = tempDir();
    const script = `echo $$ >"${dir.path}/pid.new"; mv "${dir.path}/pid.new" "${dir.path}/pid"\n` +
      "exec sleep 60";
    const child = demo({ BALANCE_BIN: fakeBalance(dir.path, script) });
    const pid = await until(async () => {
      try {
        return (await Deno.readTextFile(`${dir.path}/pid`)).trim();
      } catch {
        return "";
      }
    }, { timeoutMs: 10_000, what: "balance to be started by the demo" });
    child.kill(signal);
    const { code, stderr } = await end(child);
    assertEquals(stderr, "demo: interrupted\n");
    assertEquals(code, 130);
    assertEquals(isAlive(Number(pid)), false, `process ${pid} is still running`);
  });
}
