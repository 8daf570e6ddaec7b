import type { Cores } from "../system/cores.ts";
import type { Generator } from "../load/generator.ts";
import type { Plan } from "./plan.ts";
import type { Samples } from "../report/samples.ts";

/** What every measurement needs: the same for a whole run of the benchmark. */
export interface Run {
  readonly plan: Plan;
  readonly cores: Cores;
  readonly generator: Generator;
  /** For all temporary files. */
  readonly folder: string;
  readonly backendPort: number;
  /** Open files each child may have. */
  readonly descriptors: number;
  readonly samples: Samples;
  /** What the reader of the table must know: failures, errors, figures left out. */
  readonly notes: Set<string>;
  /** Tells the person at the terminal what is going on. */
  readonly progress: (text: string) => void;
}

/** Something a load can be put on: a running contender, or the backend itself ("direct"). */
export interface Target {
  readonly name: string;
  readonly port: number;
  /** Process whose processor time counts; absent for "direct". */
  readonly pid?: number;
}

/** The backend without a contender before it. */
export function direct(run: Run): Target {
  return { name: "direct", port: run.backendPort };
}

/**
 * Calls `measure` for each target in turn, `repeats` times, every other time in reverse order: what
 * disturbs the machine meanwhile disturbs all of them. A failure becomes a note, and the target
 * stays out of the rest.
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
        run.notes.add(`${target.name}, ${what}: ${reason(error)}`);
      }
    }
  }
}

/** An error in one line. */
export function reason(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.trim().split("\n").at(-1) ?? "";
}
