import { assert, assertEquals, assertMatch } from "@std/assert";
import { whyNot } from "../../helpers/engine/can_run.ts";
import { named } from "../../helpers/net/backends.ts";
import { ask } from "../../helpers/net/client.ts";
import { freePort } from "../../helpers/net/ports.ts";
import { listensOn } from "../../helpers/net/tcp_sockets.ts";
import { program } from "../../helpers/program/program.ts";
import { runProgram, startProgram } from "../../helpers/program/start_program.ts";
import { skip, t } from "../../helpers/t.ts";
import { tempDir } from "../../helpers/temp_dir.ts";

t("balance raises its soft limit of descriptors to the hard limit", async () => {
  const { command, args } = program({ cachedOnly: true });
  const port = freePort();
  await using server = named("B0");
  using rundir = tempDir();
  const script = 'ulimit -S -n 256 && export BALANCE_RUNDIR="$0" && echo $$ && exec "$@"';
  const own = [command, ...args, "-f", String(port), server.address];
  await using running = await startProgram("/bin/sh", {
    args: ["-c", script, rundir.path, ...own],
    ready: () => listensOn(port),
  });
  assertEquals(await ask(port), "B0");
  const limits = await Deno.readTextFile(`/proc/${running.output.trim()}/limits`);
  const [, soft, hard] = /^Max open files +(\d+|unlimited) +(\d+|unlimited)/m.exec(limits) ?? [];
  assert(soft !== undefined && soft !== "256", limits);
  assertEquals(soft, hard);
});

const tooLow =
  "workers of the epoll engine that cannot serve with the descriptor limit are refused";
const reason = whyNot("epoll");
if (reason !== undefined) skip(tooLow, reason);
else {
  t(tooLow, async () => {
    const { command, args } = program({ cachedOnly: true });
    using rundir = tempDir();
    const script = 'ulimit -n 60 && export BALANCE_RUNDIR="$0" && exec "$@"';
    // Other values of these options may come before.
    const own = args.filter((word) => !/^--(engine|workers)=/.test(word));
    const argv = ["--engine=epoll", "--workers=4", "-f", String(freePort()), "127.0.0.1:1"];
    const words = ["-c", script, rundir.path, command, ...own, ...argv];
    const { code, stderr } = await runProgram("/bin/sh", words);
    assertEquals(code, 71);
    assertMatch(
      stderr,
      /^balance: the epoll engine needs at least \d+ file descriptors for 4 workers, but the limit is 60\n$/,
    );
  });
}
