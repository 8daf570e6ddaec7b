import { type Contender, isMissing, type Missing } from "./contender.ts";
import { findBalance, findBalanceX2 } from "./balance.ts";
import { findHaproxy } from "./haproxy.ts";
import { findNginx } from "./nginx.ts";
import { findOriginal } from "./original.ts";
import { findPen } from "./pen.ts";
import { findSocat } from "./socat.ts";

/** Who takes part, and who can't. */
export interface Contenders {
  readonly present: readonly Contender[];
  readonly missing: readonly Missing[];
}

/**
 * Looks for everybody on this machine.
 *
 * @param wanted names to take part, `undefined` = all. `balance` always does.
 */
export async function findContenders(wanted: ReadonlySet<string> | undefined): Promise<Contenders> {
  const all = await Promise.all([
    findBalance(),
    findBalanceX2(),
    findHaproxy(),
    findNginx(),
    findPen(),
    findSocat(),
    findOriginal(),
  ]);
  const present: Contender[] = [], missing: Missing[] = [];
  for (const found of all) {
    if (isMissing(found)) missing.push(found);
    else if (found.name === "balance" || (wanted?.has(found.name) ?? true)) present.push(found);
    else missing.push({ name: found.name, missing: "not selected by --contenders" });
  }
  for (const name of wanted ?? []) {
    if (name !== "direct" && !all.some((found) => found.name === name)) {
      missing.push({ name, missing: "unknown to the benchmark" });
    }
  }
  return { present, missing };
}
