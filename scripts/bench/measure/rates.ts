import type { Contender } from "../contenders/contender.ts";
import { launchAll } from "./launch.ts";
import type { Kind } from "./plan.ts";
import { residentMemory } from "../system/proc.ts";
import { alternate, direct, type Run, type Target } from "./run.ts";
import { loadOn, openLoopOn } from "./load_on.ts";

/** Requests, connections and delays, one after the other on the same processes. */
export async function measureRates(
  run: Run,
  contenders: readonly Contender[],
  kinds: ReadonlySet<Kind>,
): Promise<void> {
  const { plan, samples } = run;
  await using all = await launchAll(run, contenders, { cores: run.cores.contender });
  const targets: Target[] = [direct(run), ...all.targets];
  for (const kind of ["request", "connection"] as const) {
    if (kinds.has(kind)) await measureUnits(run, targets, { kind, runs: plan[kind] });
  }
  if (kinds.has("latency")) {
    const { repeats, seconds, rate, connections } = plan.latency;
    await alternate(run, targets, {
      what: "latency",
      repeats,
      measure: async (target) => {
        const options = { seconds, rate, connections };
        const { count, seconds: measured, p50, p99 } = await openLoopOn(run, target, options);
        // Below the scheduled rate, the delays are those of the queue.
        if (count < 0.9 * rate * measured) {
          const reached = Math.round(count / measured);
          run.notes.add(`${target.name}, latency: only ${reached} of ${rate}/s`);
        }
        samples.add("latency.p50", target.name, p50);
        samples.add("latency.p99", target.name, p99);
      },
    });
  }
  for (const { name, pid } of all.targets) {
    samples.add("load.memory", name, residentMemory(pid) / 1024);
  }
}

/** Rate and CPU time of each request or connection; figures `PREFIXrequest.rate` and so on. */
export async function measureUnits(
  run: Run,
  targets: readonly Target[],
  options: {
    kind: "request" | "connection";
    runs: { readonly repeats: number; readonly seconds: number };
    prefix?: string;
    cores?: { readonly load: string | undefined };
  },
): Promise<void> {
  const { kind, runs, prefix = "", cores = run.cores } = options;
  const load = (target: Target, seconds: number) => loadOn(run, target, { kind, seconds, cores });
  await alternate(run, targets, {
    what: `${prefix}${kind} warm-up`,
    repeats: 1,
    measure: async (target) => void await load(target, run.plan.warmUp),
  });
  await alternate(run, targets, {
    what: `${prefix}${kind}`,
    repeats: runs.repeats,
    measure: async (target) => {
      const { count, seconds, nanoseconds } = await load(target, runs.seconds);
      run.samples.add(`${prefix}${kind}.rate`, target.name, count / seconds);
      if (nanoseconds === undefined) return;
      run.samples.add(`${prefix}${kind}.cpu`, target.name, nanoseconds / 1000 / count);
      run.samples.add(`${prefix}${kind}.busy`, target.name, nanoseconds / 1e9 / seconds);
    },
  });
}
