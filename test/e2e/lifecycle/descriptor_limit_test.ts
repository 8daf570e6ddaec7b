import { assert, assertEquals } from "@std/assert";
import { named } from "../../helpers/net/backends.ts";
import { ask } from "../../helpers/net/client.ts";
import { freePort } from "../../helpers/net/ports.ts";
import { listensOn } from "../../helpers/net/tcp_sockets.ts";
import { program } from "../../helpers/program/program.ts";
import { startProgram } from "../../helpers/program/start_program.ts";
import { t } from "../../helpers/t.ts";
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
