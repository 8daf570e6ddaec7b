import { delay } from "@std/async/delay";
import type { Contender } from "../contenders/contender.ts";
import { launch } from "./launch.ts";
import { availableMemory, cpuBetween, cpuTime, proportionalMemory } from "../system/proc.ts";
import type { Plan } from "./plan.ts";
import { alternate, type Run } from "./run.ts";
import { connectClients } from "./clients.ts";

/** Time limit for one contender and one number of connections, in milliseconds. */
const LIMIT = 60_000;

/** Descriptors that a contender needs besides the two of each connection. */
const OTHER_DESCRIPTORS = 200;

/** More connections than this are too many for a contender with a process for each of them. */
const MAX_PROCESSES = 5000;

/** Memory of idle connections, with a new process for each contender and number of connections. */
export async function measureIdle(run: Run, contenders: readonly Contender[]): Promise<void> {
  const { plan: { idle: { repeats } }, idleCounts, descriptors } = run;
  if (idleCounts.at(-1) !== run.plan.idle.counts.at(-1)) {
    run.notes.add(
      `idle: at most ${idleCounts.at(-1) ?? 0} connections, ${descriptors} open files (ulimit -Hn)`,
    );
  }
  for (const count of idleCounts) {
    await alternate(run, contenders, {
      what: `idle of ${count}`,
      repeats,
      measure: async (contender) => {
        checkResources(run, contender, count);
        await measureOne(run, contender, count);
      },
    });
  }
}

/** Numbers of idle connections: the planned ones, or fewer if too few files may be open. */
export function idleCountsWithin(planned: readonly number[], descriptors: number): number[] {
  const most = Math.floor((descriptors - OTHER_DESCRIPTORS) / 200) * 100;
  return [...new Set(planned.map((count) => Math.min(count, most)))].filter((count) => count > 0);
}

async function measureOne(run: Run, contender: Contender, count: number): Promise<void> {
  const { samples, plan: { idle } } = run;
  await using running = await launch(run, contender, { cores: run.cores.contender });
  const { name, pid, port } = running;
  const base = await steadyMemory(pid, idle);
  {
    using clients = connectClients(port, LIMIT);
    await clients.open(count);
    samples.add(`idle.${count}.1`, name, (await steadyMemory(pid, idle) - base) / count);
    await clients.exchange(9);
    samples.add(`idle.${count}.10`, name, (await steadyMemory(pid, idle) - base) / count);
    if (count === run.idleCounts[0] && contender.forks !== true) {
      // What the exchange has left to do, such as collecting garbage, is not idling.
      await delay(idle.settle * 1000);
      const before = cpuTime(pid);
      await delay(idle.quiet * 1000);
      samples.add("idle.cpu", name, cpuBetween(before, cpuTime(pid)) / 1e7 / idle.quiet);
    }
  }
  samples.add(`idle.${count}.kept`, name, (await steadyMemory(pid, idle) - base) / 1024);
}

/**
 * Memory in KiB, as soon as two readings differ by less than 0.5 %, or after `settle` seconds.
 */
async function steadyMemory(pid: number, { every, settle }: Plan["idle"]): Promise<number> {
  let last = 0;
  for (let waited = 0;; waited += every) {
    const now = proportionalMemory(pid);
    const steady = Math.abs(now - last) < 0.005 * now;
    if (waited >= settle || (waited >= 2 * every && steady)) return now;
    last = now;
    await delay(every * 1000);
  }
}

/** @throws {Error} if it would be too many processes or too much memory. */
function checkResources(run: Run, contender: Contender, count: number): void {
  if (contender.forks === true && count > MAX_PROCESSES) {
    throw new Error("left out, it has a process for each connection");
  }
  const fewer = run.idleCounts.findLast((other) => other < count) ?? 0;
  const each = run.samples.of(`idle.${fewer}.10`, contender.name)[0] ?? 0;
  if (each * count > availableMemory() / 2) {
    throw new Error("left out, it would use more than half of the available memory");
  }
}
