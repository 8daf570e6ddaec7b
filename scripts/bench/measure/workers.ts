import type { Contender } from "../contenders/contender.ts";
import { launchAll } from "./launch.ts";
import { direct, type Run, type Target } from "./run.ts";
import { median } from "../report/stats.ts";
import { measureUnits } from "./rates.ts";

/** Contenders with one thread, each before its counterpart with two. */
const PAIRS = [
  ["balance", "balance-x2"],
  ["balance-epoll", "balance-epoll-x2"],
  ["haproxy", "haproxy-x2"],
] as const;

/**
 * One thread against two, both on two cores. With fewer than four cores the load shares them, so the
 * rate cannot double; a note explains this.
 */
export async function measureWorkers(run: Run, contenders: readonly Contender[]): Promise<void> {
  const names: readonly string[] = PAIRS.flat();
  const chosen = contenders.filter(({ name }) => names.includes(name));
  const { twoForContender } = run.cores;
  const cores = twoForContender === undefined ? { load: undefined } : run.cores;
  await using all = await launchAll(run, chosen, { cores: twoForContender });
  const targets: Target[] = [direct(run), ...all.targets];
  for (const kind of ["connection", "request"] as const) {
    const options = { kind, runs: run.plan.workers, prefix: "workers.", cores };
    await measureUnits(run, targets, options);
  }
  if (twoForContender !== undefined) return;
  run.notes.add(
    "2 cores: load and backend share the two cores, so the gains shown are less than the real ones",
  );
  for (const pair of PAIRS) {
    const note = estimate(run, pair);
    if (note !== undefined) run.notes.add(note);
  }
}

/** How much CPU the load left to two threads, and an estimate from their CPU time per connection. */
function estimate({ samples }: Run, [one, two]: readonly [string, string]): string | undefined {
  const middle = (figure: string, name: string) =>
    median(samples.of(`workers.connection.${figure}`, name));
  const busy = middle("busy", two), gain = 2 * middle("cpu", one) / middle("cpu", two);
  if (Number.isNaN(busy) || Number.isNaN(gain)) return undefined;
  return `2 cores: ${two} got ${busy.toFixed(2)} cores; with two cores of its own, at this CPU ` +
    `time per connection, it would reach ${gain.toFixed(2)} times the rate of ${one} (an estimate)`;
}
