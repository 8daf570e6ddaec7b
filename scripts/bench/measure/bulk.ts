import type { Contender } from "../contenders/contender.ts";
import { launchAll } from "./launch.ts";
import { alternate, direct, type Run, type Target } from "./run.ts";
import { type Cost, loadOn } from "./load_on.ts";

/**
 * One connection moves blocks of 64 MiB, first all one way, then all the other. Contenders with
 * configurable buffers get 256 KiB: buffer size alone makes nearly a factor of two.
 */
export async function measureBulk(run: Run, contenders: readonly Contender[]): Promise<void> {
  const { repeats, seconds } = run.plan.bulk;
  await using all = await launchAll(run, contenders, {
    cores: run.cores.contender,
    buffers: "256K",
  });
  const targets: Target[] = [direct(run), ...all.targets];
  const both = async (target: Target, seconds: number): Promise<[Cost, Cost]> => {
    const options = { seconds, connections: 1 };
    return [
      await loadOn(run, target, { kind: "down", ...options }),
      await loadOn(run, target, { kind: "up", ...options }),
    ];
  };
  await alternate(run, targets, {
    what: "bulk warm-up",
    repeats: 1,
    measure: async (target) => void await both(target, Math.min(run.plan.warmUp, 0.3)),
  });
  await alternate(run, targets, {
    what: "bulk",
    repeats,
    measure: async (target) => {
      const [down, up] = await both(target, seconds);
      run.samples.add("down.rate", target.name, megabytesPerSecond(down));
      run.samples.add("up.rate", target.name, megabytesPerSecond(up));
      const costDown = millisecondsPerGigabyte(down), costUp = millisecondsPerGigabyte(up);
      if (costDown === undefined || costUp === undefined) return;
      run.samples.add("down.busy", target.name, busy(down));
      run.samples.add("up.busy", target.name, busy(up));
      run.samples.add("down.cpu", target.name, costDown);
      run.samples.add("up.cpu", target.name, costUp);
      run.samples.add("bulk.cpu", target.name, (costDown + costUp) / 2);
    },
  });
}

function megabytesPerSecond(cost: Cost): number {
  return cost.bytes / 1e6 / cost.seconds;
}

/** CPU time as a share of one core. */
function busy({ nanoseconds = 0, seconds }: Cost): number {
  return nanoseconds / 1e9 / seconds;
}

/** ns per byte = s per GB. */
function millisecondsPerGigabyte(cost: Cost): number | undefined {
  return cost.nanoseconds === undefined ? undefined : cost.nanoseconds / cost.bytes * 1000;
}
