/**
 * Latencies without the time in which the system had no CPU for the processes that take part: on a
 * busy machine, that is most of a latency, and no fault of the program (Linux).
 *
 * @module
 */

/** A latency in milliseconds. */
export interface Latency {
  /** By the clock. */
  readonly ms: number;
  /** Without the time in which the program or the test waited for a CPU. */
  readonly ownMs: number;
}

/**
 * Measures how long something takes.
 *
 * @param pid The program that does it for the test.
 */
export async function latency(pid: number, run: () => Promise<unknown>): Promise<Latency> {
  const before = [pid, Deno.pid].map(waits), started = performance.now();
  await run();
  const ms = performance.now() - started;
  const waited = [pid, Deno.pid].map(waits).map((now, index) => longest(now, before[index]!));
  return { ms, ownMs: Math.max(0, ms - waited.reduce((sum, one) => sum + one, 0)) };
}

/** @returns CPU time that a process has used so far, in milliseconds, exactly. */
export function cpuMs(pid: number): number {
  return [...schedstats(pid).values()].reduce((sum, [ran = 0]) => sum + ran, 0) / 1e6;
}

/** Nanoseconds for which each thread was ready to run without a CPU. */
function waits(pid: number): Map<string, number> {
  return new Map([...schedstats(pid)].map(([thread, [, waited = 0]]) => [thread, waited]));
}

/** The longest wait of a thread between two looks, in milliseconds. */
function longest(now: Map<string, number>, before: Map<string, number>): number {
  return Math.max(0, ...[...now].map(([id, ns]) => ns - (before.get(id) ?? 0))) / 1e6;
}

/** The numbers of /proc/PID/task/TID/schedstat: time on a CPU, time of waiting for one. */
function schedstats(pid: number): Map<string, number[]> {
  const found = new Map<string, number[]>();
  for (const { name } of Deno.readDirSync(`/proc/${pid}/task`)) {
    try {
      const text = Deno.readTextFileSync(`/proc/${pid}/task/${name}/schedstat`);
      found.set(name, text.split(" ").map(Number));
    } catch { /* the thread has ended */ }
  }
  return found;
}
