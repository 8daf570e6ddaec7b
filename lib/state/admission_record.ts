/** What operators changed about who may connect, as a plain JSON record. */

import { LIMIT_RANGE, type Rates } from "../admission/limit_texts.ts";
import type { LimitChanges } from "../admission/limits_control.ts";
import { integer, optional, record } from "./fields.ts";

/** What is absent is as configured. */
export type AdmissionChanges = LimitChanges;

/** Reads it. Throws an `Error` with the reason if a value has another form. */
export function readAdmission(value: unknown): AdmissionChanges {
  const { perClient, rates } = record(value, "admission");
  return {
    ...optional("perClient", perClient, (limit) => readLimit(limit, "perClient")),
    ...optional("rates", rates, readRates),
  };
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
