/** CPU time and memory of a process with all its threads and descendants, from /proc. */

/** CPU time of a process tree at one moment, in nanoseconds. */
export interface CpuTime {
  /** By process, then by thread. */
  readonly threads: ReadonlyMap<number, ReadonlyMap<string, number>>;
  /** CPU time of children that ended and were waited for, by process. */
  readonly waitedFor: ReadonlyMap<number, number>;
}

/** The kernel's clock tick in /proc/PID/stat: 100 a second on every Linux that Deno runs on. */
const NANOSECONDS_PER_TICK = 1e9 / 100;

function read(path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    return ""; // the process or thread has ended
  }
}

function threadsOf(pid: number): string[] {
  try {
    return [...Deno.readDirSync(`/proc/${pid}/task`)].map((entry) => entry.name);
  } catch {
    return [];
  }
}

/** The process and all its descendants. */
export function processTree(pid: number): number[] {
  const tree = [pid];
  for (const parent of tree) {
    for (const thread of threadsOf(parent)) {
      const children = read(`/proc/${parent}/task/${thread}/children`).trim();
      if (children !== "") tree.push(...children.split(" ").map(Number));
    }
  }
  return tree;
}

/** CPU time so far, by thread (schedstat: exact, not sampled by ticks). */
export function cpuTime(pid: number): CpuTime {
  const threads = new Map<number, Map<string, number>>();
  const waitedFor = new Map<number, number>();
  for (const process of processTree(pid)) {
    const times = new Map<string, number>();
    for (const thread of threadsOf(process)) {
      const first = read(`/proc/${process}/task/${thread}/schedstat`).split(" ")[0];
      if (first) times.set(thread, Number(first));
    }
    threads.set(process, times);
    // After the name in brackets: state is field 3, cutime and cstime are fields 16 and 17.
    const fields = read(`/proc/${process}/stat`).split(") ").at(-1)?.split(" ") ?? [];
    const ticks = Number(fields[13] ?? 0) + Number(fields[14] ?? 0);
    waitedFor.set(process, ticks * NANOSECONDS_PER_TICK);
  }
  return { threads, waitedFor };
}

/** Nanoseconds of CPU time between two moments. */
export function cpuBetween(before: CpuTime, after: CpuTime): number {
  let sum = 0;
  for (const [process, threads] of after.threads) {
    const old = before.threads.get(process);
    for (const [thread, time] of threads) sum += time - (old?.get(thread) ?? 0);
  }
  for (const [process, time] of after.waitedFor) sum += time - (before.waitedFor.get(process) ?? 0);
  // Its parent's count now includes the time of an ended process: do not count it twice.
  for (const [process, threads] of before.threads) {
    if (after.threads.has(process)) continue;
    for (const time of threads.values()) sum -= time;
    sum -= before.waitedFor.get(process) ?? 0;
  }
  return sum;
}

/** Whether the process has children and ignores SIGCHLD: the kernel then drops their CPU time. */
export function forgetsChildren(pid: number): boolean {
  const mask = /^SigIgn:\s*([0-9a-f]+)/m.exec(read(`/proc/${pid}/status`))?.[1] ?? "0";
  const ignored = (BigInt(`0x${mask}`) & (1n << 16n)) !== 0n; // SIGCHLD is 17
  return ignored && processTree(pid).length > 1;
}

/** Memory of the tree in KiB, with shared pages divided among their users (PSS). */
export function proportionalMemory(pid: number): number {
  return sumOf(pid, "smaps_rollup", /^Pss:\s*(\d+)/m);
}

/** Resident memory of the tree in KiB. */
export function residentMemory(pid: number): number {
  return sumOf(pid, "status", /^VmRSS:\s*(\d+)/m);
}

function sumOf(pid: number, file: string, value: RegExp): number {
  return processTree(pid).reduce(
    (sum, process) => sum + Number(value.exec(read(`/proc/${process}/${file}`))?.[1] ?? 0),
    0,
  );
}

/** Available memory of the machine, in KiB. */
export function availableMemory(): number {
  return Number(/^MemAvailable:\s*(\d+)/m.exec(read("/proc/meminfo"))?.[1] ?? 0);
}
