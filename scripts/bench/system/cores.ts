import { findProgram, output } from "./programs.ts";

/** Which cores each part is tied to, as lists for taskset; `undefined` = not tied. */
export interface Cores {
  /** Cores this run may use. */
  readonly usable: readonly number[];
  readonly contender: string | undefined;
  readonly load: string | undefined;
  readonly backend: string | undefined;
  /** For the workers figures: two cores for the contender. */
  readonly twoForContender: string | undefined;
  /** How the cores are shared out, in words. */
  readonly text: string;
}

/**
 * Shares the cores out: the contender has one to itself; load and backend have others, one each when
 * there are three or more. With one core, or without taskset (util-linux), nothing is tied.
 */
export async function chooseCores(): Promise<Cores> {
  const usable = await physicalFirst(await usableCores());
  const [load, contender, backend = load, second] = usable.map(String);
  if (load === undefined || contender === undefined || findProgram("taskset") === undefined) {
    const text = "nothing is tied to a core (one core only, or no taskset): figures are unsteady";
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

/** The command, tied to cores when there are some. */
export function tiedTo(cores: string | undefined, command: readonly string[]): string[] {
  return cores === undefined ? [...command] : ["taskset", "-c", cores, ...command];
}

async function usableCores(): Promise<number[]> {
  const status = await readOr("/proc/self/status", "");
  const list = /^Cpus_allowed_list:\s*(\S+)/m.exec(status)?.[1] ?? "0";
  return list.split(",").flatMap((part) => {
    const [from = 0, to = from] = part.split("-").map(Number);
    return Array.from({ length: to - from + 1 }, (_, i) => from + i);
  });
}

/** One thread of each physical core first: two threads of one core would slow each other. */
async function physicalFirst(cores: readonly number[]): Promise<number[]> {
  const seen = new Set<string>(), first: number[] = [], rest: number[] = [];
  for (const core of cores) {
    const file = `/sys/devices/system/cpu/cpu${core}/topology/thread_siblings_list`;
    const siblings = await readOr(file, String(core));
    (seen.has(siblings) ? rest : first).push(core);
    seen.add(siblings);
  }
  return [...first, ...rest];
}

async function readOr(file: string, otherwise: string): Promise<string> {
  try {
    return await Deno.readTextFile(file);
  } catch {
    return otherwise;
  }
}

/** Number of open files the children may have (the hard limit of this process). */
export async function descriptorLimit(): Promise<number> {
  const { text } = await output(["sh", "-c", "ulimit -H -n"]);
  const limit = Number(text.trim());
  return Number.isFinite(limit) ? limit : 1 << 20;
}
