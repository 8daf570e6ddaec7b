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

/** @returns Resident memory in bytes. @throws {Error} If the process has ended. */
export function residentBytes(pid: number): number {
  const kib = Deno.readTextFileSync(`/proc/${pid}/status`).match(/^VmRSS:\s+(\d+) kB$/m)?.[1];
  if (kib === undefined) throw new Error(`Cannot read the memory of process ${pid}: it has ended`);
  return Number(kib) * 1024;
}
