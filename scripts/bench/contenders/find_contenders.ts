import { type Contender, isMissing, type Missing } from "./contender.ts";
import { findBalance } from "./balance.ts";
import { findHaproxy } from "./haproxy.ts";
import { findNginx } from "./nginx.ts";
import { findOriginal } from "./original.ts";
import { findPen } from "./pen.ts";
import { findSocat } from "./socat.ts";

/** The programs that take part, and those that cannot. */
export interface Contenders {
  readonly found: readonly Contender[];
  readonly missing: readonly Missing[];
}

/**
 * Looks for all contenders on this machine.
 *
 * @param wanted Names of those to take part; `undefined` = all. `balance` always does.
 */
export async function findContenders(wanted: ReadonlySet<string> | undefined): Promise<Contenders> {
  const all = (await Promise.all([
    findBalance(),
    findHaproxy(),
    findNginx(),
    findPen(),
    findSocat(),
    findOriginal(),
  ])).flat();
  const found: Contender[] = [], missing: Missing[] = [];
  for (const one of all) {
    if (isMissing(one)) missing.push(one);
    else if (one.name === "balance" || (wanted?.has(one.name) ?? true)) found.push(one);
    else missing.push({ name: one.name, missing: "not selected by --contenders" });
  }
  for (const name of wanted ?? []) {
    if (name !== "direct" && !all.some((one) => one.name === name)) {
      missing.push({ name, missing: "unknown to the benchmark" });
    }
  }
  return { found, missing };
}
