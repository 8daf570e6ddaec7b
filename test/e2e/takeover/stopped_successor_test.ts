/** A successor that is stopped at once: its predecessor does not serve again. */

import { startBackground } from "../../helpers/program/start_background.ts";
import { runBalance } from "../../helpers/program/start_balance.ts";
import { runDirectory } from "../../helpers/run_directory.ts";
import { t } from "../../helpers/t.ts";

for (const way of ["kill", "SIGTERM"]) {
  t(`after ${way} of a program that has just taken over, nothing serves any longer`, async () => {
    using directory = runDirectory();
    const argv = ["PORT", "127.0.0.1:9"];
    await using balance = await startBackground(argv, { rundir: directory.path });
    const { port, rundir } = balance;
    await using successor = await startBackground(["--takeover", ...argv], { port, rundir });
    if (way === "SIGTERM") successor.kill(way);
    else await runBalance(["-c", "kill", "PORT"], { port, rundir });
    await successor.gone();
    await balance.gone();
  });
}
