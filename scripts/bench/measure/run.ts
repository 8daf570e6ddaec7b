import { messageOf } from "../../../lib/base/errors.ts";
import type { Cores } from "../system/cores.ts";
import type { Generator } from "../load/generator.ts";
import type { Plan } from "./plan.ts";
import type { Samples } from "../report/samples.ts";

/** What every measurement needs; the same for a complete run of the benchmark. */
export interface Run {
  readonly plan: Plan;
  readonly cores: Cores;
  readonly generator: Generator;
  /** For all temporary files. */
  readonly folder: string;
  readonly backendPort: number;
  /** Open files each child may have. */
  readonly descriptors: number;
  /** Numbers of idle connections to measure, in ascending order. */
  readonly idleCounts: readonly number[];
  readonly samples: Samples;
  /** What the reader of the tables must know: failures, errors, missing figures. */
  readonly notes: Set<string>;
  /** Prints what is being measured. */
  readonly progress: (text: string) => void;
}

/** What a load can be sent to: a running contender, or the backend itself ("direct"). */
export interface Target {
  readonly name: string;
  readonly port: number;
  /** Process to measure the CPU time of; absent for "direct". */
  readonly pid?: number;
}

/** The backend, without a contender in front of it. */
export function direct(run: Run): Target {
  return { name: "direct", port: run.backendPort };
}

/**
 * Calls `measure` for each target in turn, `repeats` times, every other time in reverse order, so
 * that a disturbance of the machine affects all of them. A failure becomes a note, and the target is
 * left out from then on.
 */
export async function alternate<T extends { readonly name: string }>(
  run: Run,
  targets: readonly T[],
  options: { what: string; repeats: number; measure: (target: T) => Promise<void> },
): Promise<void> {
  const { what, repeats, measure } = options;
  const failed = new Set<T>();
  for (let repeat = 0; repeat < repeats; repeat++) {
    run.progress(`${what} ${repeat + 1}/${repeats}`);
    for (const target of repeat % 2 === 0 ? targets : targets.toReversed()) {
      if (failed.has(target)) continue;
      try {
        await measure(target);
      } catch (error) {
        failed.add(target);
        run.notes.add(`${target.name}, ${what}: ${lastLine(error)}`);
      }
    }
  }
}

/** The last line of an error's message. */
export function lastLine(error: unknown): string {
  return messageOf(error).trim().split("\n").at(-1) ?? "";
}
