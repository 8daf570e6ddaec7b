import { assertEquals, assertMatch } from "@std/assert";
import { program } from "../../helpers/program/program.ts";
import { startControlled } from "../../helpers/program/start_controlled.ts";
import { runProgram } from "../../helpers/program/start_program.ts";
import { t } from "../../helpers/t.ts";

t("-i with an input that cannot be read ends with 74 and one line", async () => {
  await using balance = await startControlled(["-f", "PORT", "127.0.0.1:9"]);
  const { command, args } = program({ cachedOnly: true, argv: ["-i"] });
  for (
    const [redirection, code, stderr] of [
      ["< /", 74, "balance: can't read standard input: Is a directory\n"],
      ["0> /dev/null", 74, "balance: can't read standard input: Bad file descriptor\n"],
      // Deno opens the null device in place of a closed descriptor.
      ["<&-", 0, ""],
    ] as const
  ) {
    const script = `BALANCE_RUNDIR=$0 DENO_NO_UPDATE_CHECK=1 exec "$@" ${redirection}`;
    const words = ["-c", script, balance.rundir, command, ...args, "-i", String(balance.port)];
    const ended = await runProgram("/bin/sh", words);
    assertEquals([ended.code, ended.stderr], [code, stderr], redirection);
    assertMatch(ended.stdout, /\nbalance\[0\] \n$/);
  }
});
