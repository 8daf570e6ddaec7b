import { assertEquals } from "@std/assert";
import { runBalance } from "../../helpers/program/start_balance.ts";
import { config } from "../../helpers/program/program.ts";
import { t } from "../../helpers/t.ts";

/** Answers one client with whatever it is told to, as somebody who is no balance might. */
async function answering(path: string, lines: readonly string[]): Promise<void> {
  using listener = Deno.listen({ transport: "unix", path });
  using conn = await listener.accept();
  const buffer = new Uint8Array(4096);
  for (const line of lines) {
    if (await conn.read(buffer) === null) return;
    await conn.write(new TextEncoder().encode(line));
  }
}

t("whoever answers at the control socket cannot speak to the terminal", async () => {
  const rundir = await Deno.makeTempDir({ prefix: "balance-test-" });
  try {
    const text = "\x1b]0;owned\x07\x1b[2Jone\ttwo\n\x9b31m\n";
    const hello = JSON.stringify({ version: config().version, pid: 1 });
    const head = JSON.stringify({
      bytes: new TextEncoder().encode(text).length,
      group: 0,
      failed: false,
    });
    const served = answering(`${rundir}/balance.12345.0.0.0.0`, [`${hello}\n`, `${head}\n${text}`]);
    const end = await runBalance(["-c", "show", "12345"], { env: { BALANCE_RUNDIR: rundir } });
    await served;
    assertEquals([end.code, end.stdout, end.stderr], [
      0,
      "\\x1b]0;owned\\x07\\x1b[2Jone\ttwo\n\\x9b31m\n",
      "",
    ]);
  } finally {
    await Deno.remove(rundir, { recursive: true });
  }
});
