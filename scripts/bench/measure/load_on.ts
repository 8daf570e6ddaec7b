import { delay } from "@std/async/delay";
import { pinnedTo } from "../system/cores.ts";
import { type Load, type LoadKind, runLoad } from "../load/generator.ts";
import { CLOSED_LOOP_CONNECTIONS } from "./plan.ts";
import { cpuBetween, cpuTime, forgetsChildren } from "../system/proc.ts";
import type { Run, Target } from "./run.ts";

/** The result of a load, and what it cost the target. */
export interface Cost extends Load {
  /** CPU time of the target in nanoseconds; absent for "direct" and where it is unknown. */
  readonly nanoseconds?: number;
}

/** Milliseconds after a load in which the target still closes connections. */
const AFTERMATH = 50;

/** Runs a load against a target and reads the target's CPU time before and after. */
export async function loadOn(
  run: Run,
  target: Target,
  options: {
    kind: LoadKind;
    seconds: number;
    connections?: number;
    rate?: number;
    /** Cores of the load generator. Default: those of the run. */
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
  const load = await runLoad(pinnedTo(cores.load, run.generator.load), {
    kind,
    port: target.port,
    connections,
    seconds,
    rate,
  }).finally(() => clearTimeout(halfWay));
  if (load.errors > 0) {
    run.notes.add(
      `${target.name}, ${kind}: ${load.errors} errors and ${load.count} successes in one run`,
    );
  }
  if (target.pid === undefined || before === undefined) return load;
  await delay(AFTERMATH);
  if (forgotten) {
    run.notes.add(`${target.name}: no CPU figures, the kernel drops the CPU time of its children`);
    return load;
  }
  return { ...load, nanoseconds: cpuBetween(before, cpuTime(target.pid)) };
}
