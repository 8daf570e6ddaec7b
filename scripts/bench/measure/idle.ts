import { delay } from "@std/async/delay";
import type { Contender } from "../contenders/contender.ts";
import { launch } from "./launch.ts";
import { availableMemory, proportionalMemory } from "../system/proc.ts";
import { alternate, type Run } from "./run.ts";
import { connectClients } from "./clients.ts";

/** Time limit for one contender and one number of connections, in milliseconds. */
const LIMIT = 60_000;

/** Memory of idle connections, with a new process for each contender and number of connections. */
export async function measureIdle(run: Run, contenders: readonly Contender[]): Promise<void> {
  const { repeats, counts } = run.plan.idle;
  for (const count of counts) {
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

async function measureOne(run: Run, contender: Contender, count: number): Promise<void> {
  const { samples, plan: { idle: { settle } } } = run;
  await using running = await launch(run, contender, { cores: run.cores.contender });
  const { name, pid, port } = running;
  const base = await steadyMemory(pid, settle);
  {
    using clients = connectClients(port, LIMIT);
    await clients.open(count);
    samples.add(`idle.${count}.1`, name, (await steadyMemory(pid, settle) - base) / count);
    await clients.exchange(9);
    samples.add(`idle.${count}.10`, name, (await steadyMemory(pid, settle) - base) / count);
  }
  samples.add(`idle.${count}.kept`, name, (await steadyMemory(pid, settle) - base) / 1024);
}

/**
 * Memory in KiB, as soon as two readings half a second apart differ by less than 0.5 %, or after
 * `settle` seconds.
 */
async function steadyMemory(pid: number, settle: number): Promise<number> {
  const pause = 500, least = 2 * pause;
  let last = 0;
  for (let waited = 0;; waited += pause) {
    const now = proportionalMemory(pid);
    const steady = Math.abs(now - last) < 0.005 * now;
    if (waited >= settle * 1000 || (waited >= least && steady)) return now;
    last = now;
    await delay(pause);
  }
}

/** @throws {Error} if there are not enough descriptors or memory. */
function checkResources(run: Run, contender: Contender, count: number): void {
  if (run.descriptors < 2 * count + 100) {
    throw new Error(`left out, only ${run.descriptors} open files allowed (ulimit -n)`);
  }
  const fewer = run.plan.idle.counts.find((other) => other < count) ?? 0;
  const each = run.samples.of(`idle.${fewer}.10`, contender.name)[0] ?? 0;
  if (each * count > availableMemory() / 2) {
    throw new Error("left out, it would use more than half of the available memory");
  }
}
