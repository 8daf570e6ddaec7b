import type { Contender } from "../contenders/contender.ts";
import { launchAll } from "./launch.ts";
import type { Run } from "./run.ts";
import { median } from "../report/stats.ts";
import { measureUnits } from "./rates.ts";

/**
 * One worker against two, both on two cores. With fewer than four cores the load shares them, so the
 * rate cannot double; a note explains this.
 */
export async function measureWorkers(run: Run, contenders: readonly Contender[]): Promise<void> {
  const pair = contenders.filter(({ name }) => name === "balance" || name === "balance-x2");
  if (pair.length < 2) {
    run.notes.add("workers: left out, needs both balance and balance-x2");
    return;
  }
  const { twoForContender } = run.cores;
  const cores = twoForContender === undefined ? { load: undefined } : run.cores;
  await using all = await launchAll(run, pair, { cores: twoForContender });
  for (const kind of ["connection", "request"] as const) {
    const options = { kind, runs: run.plan.workers, prefix: "workers.", cores };
    await measureUnits(run, all.targets, options);
  }
  if (twoForContender === undefined) run.notes.add(sharedCores(run));
}

/** How much CPU the load left to two workers, and an estimate from their CPU time per connection. */
function sharedCores({ samples }: Run): string {
  const middle = (figure: string, name: string) =>
    median(samples.of(`workers.connection.${figure}`, name));
  const busy = middle("busy", "balance-x2");
  const gain = 2 * middle("cpu", "balance") / middle("cpu", "balance-x2");
  return "workers: load and backend share the two cores, so the gain shown is less than the real " +
    `one. Two workers got ${
      busy.toFixed(2)
    } cores; with two cores of their own, at this CPU time ` +
    `per connection, they would reach ${gain.toFixed(2)} times the rate of one (an estimate)`;
}
