/** Smooth weighted round robin, as a rule over weights. Pure. */

/** Longest period, in picks, for which {@link isSmooth} is computed, and how many results it keeps. */
const MAX_PERIOD = 4096, MAX_KNOWN = 64;

const known = new Map<string, boolean>();

/**
 * Chooses by weight, interleaved. After each pick, every choice has had within one of its share.
 *
 * The rule is that of nginx (the highest debt) where it keeps that promise: for 5, 1, 1 the order is
 * A A B A C A A. For other weights, it is that of Tijdeman ("The chairman assignment problem", 1980):
 * the earliest deadline among those that are owed enough.
 *
 * @param weights Positive integers.
 * @param debts What each choice is owed, in units of the sum of the weights; updated.
 * @returns The index of the choice.
 */
export function smoothChoice(weights: readonly number[], debts: number[]): number {
  const sum = weights.reduce((all, one) => all + one, 0);
  weights.forEach((weight, i) => debts[i] = bounded(debts[i]! + weight, 2 * sum));
  const chosen = isSmooth(weights, sum) ? highest(debts) : earliest({ weights, debts, sum });
  debts[chosen]! -= sum;
  return chosen;
}

/** While others were not available, a debt may have grown; it must not starve them later. */
function bounded(value: number, limit: number): number {
  return Math.max(-limit, Math.min(limit, value));
}

function highest(debts: readonly number[]): number {
  let best = 0;
  for (let i = 1; i < debts.length; i++) if (debts[i]! > debts[best]!) best = i;
  return best;
}

function earliest(
  { weights, debts, sum }: { weights: readonly number[]; debts: readonly number[]; sum: number },
): number {
  const slack = sum / (2 * weights.length - 2);
  let best = -1, bestDeadline = Infinity;
  for (let i = 0; i < weights.length; i++) {
    if (debts[i]! < slack) continue;
    const deadline = (sum - slack - debts[i]!) / weights[i]!;
    if (deadline < bestDeadline) [best, bestDeadline] = [i, deadline];
  }
  // After a change of the choices, no debt may be high enough.
  return best < 0 ? highest(debts) : best;
}

/** Whether nginx's rule keeps every choice within one of its share. */
function isSmooth(weights: readonly number[], sum: number): boolean {
  const unit = weights.reduce(greatestDivisor);
  const key = weights.map((weight) => weight / unit).join(" ");
  let smooth = known.get(key);
  if (smooth === undefined) {
    smooth = sum / unit <= MAX_PERIOD &&
      staysWithinOne(weights.map((weight) => weight / unit), sum / unit);
    if (known.size >= MAX_KNOWN) known.clear();
    known.set(key, smooth);
  }
  return smooth;
}

/** Simulates one period, after which all debts are zero again. */
function staysWithinOne(weights: readonly number[], sum: number): boolean {
  const debts = weights.map(() => 0);
  for (let pick = 0; pick < sum; pick++) {
    weights.forEach((weight, i) => debts[i]! += weight);
    debts[highest(debts)]! -= sum;
    if (debts.some((debt) => Math.abs(debt) > sum)) return false;
  }
  return true;
}

function greatestDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestDivisor(b, a % b);
}
