/** A successor that is killed just after it took over: the files are those of its predecessor again. */

import { assertEquals, assertMatch } from "@std/assert";
import { talk } from "../../helpers/net/control_socket.ts";
import { startBackground } from "../../helpers/program/start_background.ts";
import { runDirectory } from "../../helpers/run_directory.ts";
import { t, until } from "../../helpers/t.ts";
import { tempDir } from "../../helpers/temp_dir.ts";

t("after a killed successor, --pid-file and --state belong to the running balance", async () => {
  using directory = runDirectory();
  using files = tempDir();
  const pidFile = `${files.path}/pid`, state = `${files.path}/state`;
  const argv = ["--pid-file", pidFile, "--state", state, "PORT", "127.0.0.1:9"];
  await using balance = await startBackground(argv, { rundir: directory.path });
  const { port, rundir, pid, socket } = balance;
  // Returns as soon as it serves, so at least a second before the predecessor leaves.
  await using successor = await startBackground(["--takeover", ...argv], { port, rundir });
  assertEquals(Deno.readTextFileSync(pidFile), `${successor.pid}\n`);
  successor.kill("SIGKILL");
  await until(() => Deno.readTextFileSync(pidFile) === `${pid}\n`);
  await until(async () => (await talk(socket, "maxc 0 7\n").catch(() => "")).includes("changed"));
  await until(() => Deno.readTextFileSync(state).includes('"maxc":7'));
  assertMatch(Deno.readTextFileSync(state), new RegExp(`"pid":${pid},`));
  assertMatch(await talk(socket, "save\n"), /^saved to/m);
  balance.kill("SIGTERM");
  await balance.gone();
});
