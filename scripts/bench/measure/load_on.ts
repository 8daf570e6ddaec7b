import { delay } from "@std/async/delay";
import { pinnedTo } from "../system/cores.ts";
import { type Load, type LoadKind, runLoad } from "../load/generator.ts";
import { runOpenLoop } from "../load/open_loop.ts";
import { CLOSED_LOOP_CONNECTIONS } from "./plan.ts";
import { cpuBetween, type CpuTime, cpuTime, forgetsChildren } from "../system/proc.ts";
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
    /** Cores of the load generator. Default: those of the run. */
    cores?: { readonly load: string | undefined };
  },
): Promise<Cost> {
  const { kind, seconds, connections = CLOSED_LOOP_CONNECTIONS, cores = run.cores } = options;
  const meter = cpuMeter(target.pid);
  meter.start();
  const halfWay = setTimeout(meter.look, seconds * 500);
  const load = await runLoad(pinnedTo(cores.load, run.generator.load), {
    kind,
    port: target.port,
    connections,
    seconds,
  }).finally(() => clearTimeout(halfWay));
  if (target.pid !== undefined) await delay(AFTERMATH);
  meter.stop();
  return costOf(run, target, { kind, load, meter });
}

/**
 * Sends requests on schedule to a target. Its CPU time is that between the end of the warm-up and
 * the last request, without opening and closing the connections.
 */
export async function openLoopOn(
  run: Run,
  target: Target,
  options: { connections: number; seconds: number; rate: number },
): Promise<Cost> {
  const meter = cpuMeter(target.pid);
  const load = await runOpenLoop(
    pinnedTo(run.cores.load, run.generator.load),
    { port: target.port, ...options },
    {
      started: () => meter.start(),
      finished: () => (meter.look(), meter.stop()),
    },
  );
  return costOf(run, target, { kind: `${options.rate}/s`, load, meter });
}

interface CpuMeter {
  start(): void;
  /** Called while the load runs. */
  look(): void;
  stop(): void;
  /** Nanoseconds between start and stop; `undefined` if unknown. */
  nanoseconds(): number | undefined;
  /** Whether the kernel drops a part of it. */
  isForgotten(): boolean;
}

function cpuMeter(pid: number | undefined): CpuMeter {
  let before: CpuTime | undefined, nanoseconds: number | undefined, forgotten = false;
  return {
    start: () => {
      if (pid !== undefined) before = cpuTime(pid);
    },
    look: () => {
      forgotten ||= pid !== undefined && forgetsChildren(pid);
    },
    stop: () => {
      if (pid !== undefined && before !== undefined) nanoseconds = cpuBetween(before, cpuTime(pid));
    },
    nanoseconds: () => nanoseconds,
    isForgotten: () => forgotten,
  };
}

function costOf(
  { notes }: Run,
  { name }: Target,
  { kind, load, meter }: { kind: string; load: Load; meter: CpuMeter },
): Cost {
  if (load.errors > 0) {
    notes.add(`${name}, ${kind}: ${load.errors} errors and ${load.count} successes in one run`);
  }
  if (meter.isForgotten()) {
    notes.add(`${name}: no CPU figures, the kernel drops the CPU time of its children`);
    return load;
  }
  const nanoseconds = meter.nanoseconds();
  return nanoseconds === undefined ? load : { ...load, nanoseconds };
}
