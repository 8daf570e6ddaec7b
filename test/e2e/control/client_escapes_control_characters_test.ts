import { assertEquals } from "@std/assert";
import { config } from "../../helpers/program/program.ts";
import { runBalance } from "../../helpers/program/start_balance.ts";
import { later, t } from "../../helpers/t.ts";
import { tempDir } from "../../helpers/temp_dir.ts";

/** Answers the lines of one client with these texts, as a program other than balance might. */
async function answerClient(path: string, lines: readonly string[]): Promise<void> {
  using listener = Deno.listen({ transport: "unix", path });
  using conn = await listener.accept();
  const buffer = new Uint8Array(4096);
  for (const line of lines) {
    if (await conn.read(buffer) === null) return;
    await conn.write(new TextEncoder().encode(line));
  }
}

t("the client escapes control characters in the answer of a foreign control socket", async () => {
  using dir = tempDir();
  const text = "\x1b]0;owned\x07\x1b[2Jone\ttwo\n\x9b31m\n";
  const hello = JSON.stringify({ version: config().version, pid: 1 });
  const head = JSON.stringify({
    bytes: new TextEncoder().encode(text).length,
    group: 0,
    failed: false,
  });
  const served = later(
    answerClient(`${dir.path}/balance.12345.0.0.0.0`, [`${hello}\n`, `${head}\n${text}`]),
  );
  const end = await runBalance(["-c", "show", "12345"], { env: { BALANCE_RUNDIR: dir.path } });
  await served;
  assertEquals([end.code, end.stdout, end.stderr], [
    0,
    "\\x1b]0;owned\\x07\\x1b[2Jone\ttwo\n\\x9b31m\n",
    "",
  ]);
});
