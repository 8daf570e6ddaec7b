/**
 * What the result of a connect means for its channel. Every worker decides at once, under the lock of
 * the table; the main isolate learns of it to print a line and to let time pass.
 */

import { blamesBackend, type DialFailure } from "../base/reason.ts";
import type { Table } from "../table/table.ts";
import { type Claim, endProbe } from "./claim.ts";

/** When connections that fail make a channel down or suspect. A plain record. */
export interface PassiveRules {
  /** After a connect timeout, the channel is suspect. */
  readonly suspects: boolean;
  /** `--passive`: after this many failed connects in a row the channel is down; 0 for never. */
  readonly failures: number;
  /** `--wait`: after another failed connect, the channel rests, because its clients wait. */
  readonly rests: boolean;
}

/** What happened to a channel because of a connection. A plain record. */
export interface BackendEvent {
  /**
   * `cleared`: it is no longer suspect, resting or half open. `disabled`: by `-a`. `unreachable`: a
   * connect failed, and nothing has changed because of that.
   */
  readonly kind: "suspect" | "resting" | "down" | "up" | "cleared" | "disabled" | "unreachable";
  readonly group: number;
  readonly channel: number;
  /** Of the channel when this happened; see `Table`. */
  readonly generation: number;
  /** Why, for a line; empty for `cleared`, `disabled` and `unreachable`. */
  readonly text: string;
}

/** A connect failed. Returns what that changed, if anything. */
export function dialFailed(
  table: Table,
  claim: Claim,
  { failure, rules }: { failure: DialFailure; rules: PassiveRules },
): BackendEvent | undefined {
  if (!blamesBackend(failure) || !needsVerdict(failure, rules, claim)) return undefined;
  return table.locked(() => {
    const { place: { group, channel }, generation, isProbe } = claim;
    if (table.generation(group, channel) !== generation) return undefined;
    if (isProbe) endProbe(table, claim);
    const failures = table.failures(group, channel) + 1;
    table.setFailures(group, channel, failures);
    const event = (kind: BackendEvent["kind"], text: string): BackendEvent => {
      return { kind, group, channel, generation, text };
    };
    const wasDown = table.health(group, channel) === "down";
    if (wasDown && !isProbe) return undefined;
    if (wasDown || (rules.failures > 0 && failures >= rules.failures)) {
      table.setHealth(group, channel, "down");
      table.setCaution(group, channel, "none");
      const count = Math.min(failures, rules.failures);
      return event("down", `${failureText(failure)} (${count} of ${rules.failures} attempts)`);
    }
    if (failure === "timeout" && rules.suspects) {
      table.setCaution(group, channel, "suspect");
      return event("suspect", failureText(failure));
    }
    if (rules.rests) {
      table.setCaution(group, channel, "resting");
      return event("resting", failureText(failure));
    }
    // An answer costs no time, even if it refuses: the next client may find out at once, too.
    if (!isAnswer(failure) || table.caution(group, channel) === "none") return undefined;
    table.setCaution(group, channel, "none");
    return event("cleared", "");
  });
}

/** A refused connect has the words of health checks. */
function failureText(failure: DialFailure): string {
  return failure === "refused" ? "connection refused" : `connect ${failure}`;
}

function needsVerdict(failure: DialFailure, rules: PassiveRules, { isProbe }: Claim): boolean {
  return isProbe || rules.failures > 0 || rules.rests || (failure === "timeout" && rules.suspects);
}

function isAnswer(failure: DialFailure): boolean {
  return failure === "refused" || failure === "reset";
}

/** A connect succeeded. Returns what that changed, if anything; usually nothing. */
export function dialSucceeded(table: Table, claim: Claim): BackendEvent | undefined {
  if (!claim.isProbe && isUsual(table, claim)) return undefined;
  return table.locked(() => {
    const { place: { group, channel }, generation } = claim;
    if (table.generation(group, channel) !== generation) return undefined;
    const { isProbe } = claim;
    if (isProbe) endProbe(table, claim);
    table.setFailures(group, channel, 0);
    const wasCautious = table.caution(group, channel) !== "none";
    const isDown = table.health(group, channel) === "down";
    // A connection that was chosen before the channel went down proves nothing.
    if (isDown && !isProbe) return undefined;
    if (wasCautious) table.setCaution(group, channel, "none");
    const isUp = isDown && !table.isChecked(group, channel) &&
      table.setHealth(group, channel, "up");
    if (isUp) return { kind: "up", group, channel, generation, text: "connected" };
    return wasCautious ? { kind: "cleared", group, channel, generation, text: "" } : undefined;
  });
}

/** Whether a connect that succeeds changes nothing. */
function isUsual(table: Table, claim: Claim): boolean {
  const { arrangement } = table, { group, channel } = claim.place;
  return table.failures(group, channel) === 0 && table.caution(group, channel) === "none" &&
    table.isSteady && table.arrangement === arrangement;
}
