import { tiedTo } from "../system/cores.ts";
import { type Load, type LoadKind, runLoad } from "../load/generator.ts";
import { CLOSED_LOOP_CONNECTIONS } from "./plan.ts";
import { cpuBetween, cpuTime, forgetsChildren } from "../system/proc.ts";
import type { Run, Target } from "./run.ts";

/** What a load cost its target. */
export interface Cost extends Load {
  /** Processor time of the target in nanoseconds; absent for "direct" and where it can't be known. */
  readonly nanoseconds?: number;
}

/** Closing goes on for a moment after the load is gone. */
const AFTERMATH = 50;

/** Puts a load on a target and reads the target's processor time before and after. */
export async function loadOn(
  run: Run,
  target: Target,
  options: {
    kind: LoadKind;
    seconds: number;
    connections?: number;
    rate?: number;
    /** Cores of the load generator, by default those of the run. */
    cores?: { readonly load: string | undefined };
  },
): Promise<Cost> {
  const { kind, seconds, connections = CLOSED_LOOP_CONNECTIONS, rate = 0, cores = run.cores } =
    options;
  const before = target.pid === undefined ? undefined : cpuTime(target.pid);
  let forgotten = false;
  const halfWay = setTimeout(() => {
    forgotten = target.pid !== undefined && forgetsChildren(target.pid);
  }, seconds * 500);
  const load = await runLoad(tiedTo(cores.load, run.generator.load), {
    kind,
    port: target.port,
    connections,
    seconds,
    rate,
  }).finally(() => clearTimeout(halfWay));
  if (load.errors > 0) {
    run.notes.add(`${target.name}, ${kind}: ${load.errors} errors beside ${load.count} in one run`);
  }
  if (target.pid === undefined || before === undefined) return load;
  await new Promise((resolve) => setTimeout(resolve, AFTERMATH));
  if (forgotten) {
    run.notes.add(`${target.name}: no CPU figures, the system forgets the time of its children`);
    return load;
  }
  return { ...load, nanoseconds: cpuBetween(before, cpuTime(target.pid)) };
}
