/** Debian's logrotate on log and dump: with renaming and a signal, and with copytruncate. */

import { assertEquals } from "@std/assert";
import { linesOf } from "../../helpers/log/log_file.ts";
import { named } from "../../helpers/net/backends.ts";
import { ask } from "../../helpers/net/client.ts";
import { startBalance } from "../../helpers/program/start_balance.ts";
import { runProgram } from "../../helpers/program/start_program.ts";
import { tool, until, withTools } from "../../helpers/t.ts";
import { exists, tempDir } from "../../helpers/temp_dir.ts";

const byRenaming = (signal: string) => (pid: number) =>
  `nocreate\n  postrotate\n    kill -${signal} ${pid}\n  endscript`;

/** How logrotate gets balance to write to a new file: directives. */
const WAYS: Readonly<Record<string, (pid: number) => string>> = {
  "renaming and SIGUSR2": byRenaming("USR2"),
  "renaming and SIGHUP": byRenaming("HUP"),
  copytruncate: () => "copytruncate",
};

for (const [name, way] of Object.entries(WAYS)) {
  withTools(["logrotate"], `logrotate with ${name} loses no line of log and dump`, async () => {
    using dir = tempDir();
    await using server = named("B0");
    const log = `${dir.path}/web.log`, dump = `${dir.path}/web.json`;
    await using balance = await startBalance(
      ["-f", "--log", log, "--dump-file", dump, "PORT", server.address],
    );
    const config = `${dir.path}/logrotate.conf`;
    const directives = `rotate 5\n  sharedscripts\n  ${way(balance.pid)}`;
    await Deno.writeTextFile(config, `${log} ${dump} {\n  ${directives}\n}\n`);
    await Deno.chmod(config, 0o644);

    /** A connection: one line in the log, and one of its end in the dump for each direction. */
    async function connection(): Promise<void> {
      assertEquals(await ask(balance.port), "B0");
      await until(() => ends(log) === 1 && ends(dump) === 2, {
        timeoutMs: 20_000,
        what: () => `the end of one connection in ${linesOf(log)} and ${linesOf(dump)}`,
      });
    }
    async function rotate(): Promise<void> {
      const args = ["--force", "--state", `${dir.path}/state`, config];
      const { code, stderr } = await runProgram(tool("logrotate") ?? "", args);
      assertEquals([code, stderr], [0, ""]);
      await until(() => [log, dump].every((path) => exists(path) && ends(path) === 0), {
        timeoutMs: 20_000,
        what: "new files",
      });
    }

    await connection();
    await rotate();
    await connection();
    await rotate();
    await connection();
    await balance.stop();
    for (const path of [log, `${log}.1`, `${log}.2`]) assertEquals(ends(path), 1, path);
    for (const path of [dump, `${dump}.1`, `${dump}.2`]) {
      assertEquals(ends(path), 2, path);
      // After a truncation, an offset that is not reset leaves a hole of NUL bytes.
      for (const line of linesOf(path)) JSON.parse(line);
    }
  });
}

/** How many ends of connections a file has. */
function ends(path: string): number {
  return linesOf(path).filter((line) => /\btype=end\b|"end"/.test(line)).length;
}
