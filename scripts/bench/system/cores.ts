import { tool } from "../../../test/helpers/t.ts";
import { readTextIfExists } from "../../system/files.ts";
import { output } from "./output.ts";

/** The cores each part is pinned to, as lists for taskset; `undefined` = not pinned. */
export interface Cores {
  /** Cores this run may use. */
  readonly usable: readonly number[];
  readonly contender: string | undefined;
  readonly load: string | undefined;
  readonly backend: string | undefined;
  /** For the workers figures: two cores for the contender. */
  readonly twoForContender: string | undefined;
  /** How the cores are assigned, in words. */
  readonly text: string;
}

/**
 * Assigns the cores: the contender has one for itself; load and backend use others, one each if
 * there are three or more. With one core, or without taskset (util-linux), nothing is pinned.
 */
export async function chooseCores(): Promise<Cores> {
  const usable = await physicalFirst(await usableCores());
  const [load, contender, backend = load, second] = usable.map(String);
  if (load === undefined || contender === undefined || tool("taskset") === undefined) {
    const text = "nothing is pinned (only one core, or no taskset): figures are unsteady";
    return {
      usable,
      contender: undefined,
      load: undefined,
      backend: undefined,
      twoForContender: undefined,
      text,
    };
  }
  const workers = second === undefined
    ? "the load shares the cores in the workers figures"
    : `${contender},${second} in the workers figures`;
  return {
    usable,
    contender,
    load,
    backend,
    twoForContender: second === undefined ? undefined : `${contender},${second}`,
    text: `contender on core ${contender}, load on ${load}, backend on ${backend}; ${workers}`,
  };
}

/** The command, pinned to cores if any are given. */
export function pinnedTo(cores: string | undefined, command: readonly string[]): string[] {
  return cores === undefined ? [...command] : ["taskset", "-c", cores, ...command];
}

async function usableCores(): Promise<number[]> {
  const status = await readTextIfExists("/proc/self/status") ?? "";
  const list = /^Cpus_allowed_list:\s*(\S+)/m.exec(status)?.[1] ?? "0";
  return list.split(",").flatMap((part) => {
    const [from = 0, to = from] = part.split("-").map(Number);
    return Array.from({ length: to - from + 1 }, (_, i) => from + i);
  });
}

/** Sorts one thread of each physical core first: two threads of one core slow each other down. */
async function physicalFirst(cores: readonly number[]): Promise<number[]> {
  const seen = new Set<string>(), first: number[] = [], rest: number[] = [];
  for (const core of cores) {
    const file = `/sys/devices/system/cpu/cpu${core}/topology/thread_siblings_list`;
    const siblings = await readTextIfExists(file) ?? String(core);
    (seen.has(siblings) ? rest : first).push(core);
    seen.add(siblings);
  }
  return [...first, ...rest];
}

/** Number of open files each child may have: the hard limit of this process. */
export async function descriptorLimit(): Promise<number> {
  const { text } = await output(["sh", "-c", "ulimit -H -n"]);
  const limit = Number(text.trim());
  return Number.isFinite(limit) ? limit : 1 << 20;
}
