import type { Contender } from "../contenders/contender.ts";
import { launch } from "./launch.ts";
import { residentMemory } from "../system/proc.ts";
import { alternate, type Run } from "./run.ts";

/** Time from the start of the process to the first accepted connection, and memory at that time. */
export async function measureStart(run: Run, contenders: readonly Contender[]): Promise<void> {
  await alternate(run, contenders, {
    what: "start",
    repeats: run.plan.start.repeats,
    measure: async (contender) => {
      await using running = await launch(run, contender, { cores: run.cores.contender });
      run.samples.add("start.time", running.name, running.startTime);
      run.samples.add("start.memory", running.name, residentMemory(running.pid) / 1024);
    },
  });
}
