/** What operators changed about who may connect, as a plain JSON record. */

import type { Placement } from "../access/overlay.ts";
import { formatNetwork, parseNetwork } from "../address/cidr.ts";
import type { AdmissionControl } from "../admission/admission_control.ts";
import { LIMIT_RANGE, type Rates } from "../admission/limit_texts.ts";
import type { LimitChanges } from "../admission/limits_control.ts";
import { integer, optional, record, word } from "./fields.ts";

/** What is absent is as configured. */
export interface AdmissionChanges extends LimitChanges {
  /** Where operators have put address ranges, such as `10.0.0.0/8`. */
  readonly ranges?: Readonly<Record<string, Placement>>;
}

const PLACEMENTS: readonly Placement[] = ["allow", "deny", "removed"];

/** What operators have changed; `undefined` if that is nothing. */
export function changedAdmission(
  { lists, limits }: Pick<AdmissionControl, "lists" | "limits">,
): AdmissionChanges | undefined {
  const ranges = lists.changes.map(({ network, to }) => [formatNetwork(network), to] as const);
  const changes = {
    ...limits.changes,
    ...(ranges.length === 0 ? {} : { ranges: Object.fromEntries(ranges) }),
  };
  return Object.keys(changes).length === 0 ? undefined : changes;
}

/** Changes again what operators have changed. */
export function applyAdmission(
  { ranges = {}, ...limited }: AdmissionChanges,
  { lists, limits }: Pick<AdmissionControl, "lists" | "limits">,
): void {
  limits.apply(limited);
  lists.apply(
    Object.entries(ranges).map(([range, to]) => ({ network: parseNetwork(range), to })),
  );
}

/** Reads it. Throws an `Error` with the reason if a value has another form. */
export function readAdmission(value: unknown): AdmissionChanges {
  const { perClient, rates, ranges } = record(value, "admission");
  return {
    ...optional("perClient", perClient, (limit) => readLimit(limit, "perClient")),
    ...optional("rates", rates, readRates),
    ...optional("ranges", ranges, readRanges),
  };
}

function readRanges(value: unknown): Readonly<Record<string, Placement>> {
  const entries = Object.entries(record(value, "ranges"));
  return Object.fromEntries(entries.map(([range, to]) => {
    parseNetwork(range);
    return [range, word(to, `range [${range}]`, PLACEMENTS)];
  }));
}

function readRates(value: unknown): Rates {
  const { acceptRate, clientRate } = record(value, "rates");
  return {
    acceptRate: readLimit(acceptRate, "acceptRate"),
    clientRate: readLimit(clientRate, "clientRate"),
  };
}

function readLimit(value: unknown, what: string): number {
  return integer(value, what, LIMIT_RANGE.min, LIMIT_RANGE.max);
}
