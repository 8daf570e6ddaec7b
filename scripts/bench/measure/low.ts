import type { Contender } from "../contenders/contender.ts";
import { launchAll } from "./launch.ts";
import { openLoopOn } from "./load_on.ts";
import { alternate, direct, type Run, type Target } from "./run.ts";

/** Requests per second of the uncounted first run. */
const WARM_RATE = 1000;

/**
 * CPU time and delay of a request at rates so low that the contender sleeps between two of them.
 * Contenders with a process for each connection are left out.
 */
export async function measureLow(run: Run, contenders: readonly Contender[]): Promise<void> {
  const { plan: { low: { connections, warmUp, rates } }, samples } = run;
  const single = contenders.filter(({ forks }) => forks !== true);
  await using all = await launchAll(run, single, { cores: run.cores.contender });
  const targets: Target[] = [direct(run), ...all.targets];
  await alternate(run, targets, {
    what: "low rate warm-up",
    repeats: 1,
    measure: async (target) => {
      await openLoopOn(run, target, { connections, seconds: warmUp, rate: WARM_RATE });
    },
  });
  for (const { rate, repeats, seconds } of rates) {
    await alternate(run, targets, {
      what: `${rate} requests per second`,
      repeats,
      measure: async (target) => {
        const cost = await openLoopOn(run, target, { connections, seconds, rate });
        samples.add(`low.${rate}.p50`, target.name, cost.p50);
        samples.add(`low.${rate}.p99`, target.name, cost.p99);
        if (cost.nanoseconds === undefined) return;
        samples.add(`low.${rate}.cpu`, target.name, cost.nanoseconds / 1000 / cost.count);
      },
    });
  }
}
