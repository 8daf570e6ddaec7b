/**
 * Processes as /proc shows them (Linux).
 *
 * @module
 */

/** Whether a process runs; a zombie does not. */
export function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(Deno.readTextFileSync(`/proc/${pid}/status`));
  } catch {
    return false;
  }
}

/** Whether a process ignores a signal. @param number Of the signal, such as 10 for SIGUSR1. */
export function ignoresSignal(pid: number, number: number): boolean {
  return isInMask(pid, "SigIgn", number);
}

/** Whether a process handles a signal. @param number Of the signal, such as 10 for SIGUSR1. */
export function catchesSignal(pid: number, number: number): boolean {
  return isInMask(pid, "SigCgt", number);
}

function isInMask(pid: number, name: string, number: number): boolean {
  let status: string;
  try {
    status = Deno.readTextFileSync(`/proc/${pid}/status`);
  } catch {
    return false;
  }
  const mask = new RegExp(`^${name}:\\s+([\\da-f]+)$`, "m").exec(status)?.[1] ?? "0";
  return (BigInt(`0x${mask}`) >> BigInt(number - 1) & 1n) === 1n;
}

/** Process group, session and terminal (0 for none) of a process. */
export function jobOf(pid: number | "self"): { group: number; session: number; terminal: number } {
  const stat = Deno.readTextFileSync(`/proc/${pid}/stat`);
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ").map(Number);
  const [, , group = -1, session = -1, terminal = -1] = fields;
  return { group, session, terminal };
}

/** @returns Number of open file descriptors. */
export function openFds(pid: number): number {
  return [...Deno.readDirSync(`/proc/${pid}/fd`)].length;
}

/**
 * @returns CPU time that this thread has used so far, in milliseconds. Other tests, which run in
 *     other threads of this process, do not count.
 */
export function threadCpuMs(): number {
  return Number(Deno.readTextFileSync("/proc/thread-self/schedstat").split(" ")[0]) / 1e6;
}

/** @returns CPU time that a process has used so far, in seconds. */
export function cpuSeconds(pid: number): number {
  const stat = Deno.readTextFileSync(`/proc/${pid}/stat`);
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

/**
 * @returns How long a thread of a process has been ready to run without a CPU, in seconds: the
 * thread that waited longest. 0 if the kernel does not tell.
 */
export function cpuWaitSeconds(pid: number): number {
  try {
    const waits = [...Deno.readDirSync(`/proc/${pid}/task`)].map(({ name }) =>
      Number(Deno.readTextFileSync(`/proc/${pid}/task/${name}/schedstat`).split(" ")[1]) / 1e9
    );
    return Math.max(0, ...waits);
  } catch {
    return 0;
  }
}

/** @returns Resident memory in bytes. @throws {Error} If the process has ended. */
export function residentBytes(pid: number): number {
  const kib = Deno.readTextFileSync(`/proc/${pid}/status`).match(/^VmRSS:\s+(\d+) kB$/m)?.[1];
  if (kib === undefined) throw new Error(`Cannot read the memory of process ${pid}: it has ended`);
  return Number(kib) * 1024;
}
