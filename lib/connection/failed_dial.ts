import { formatEndpoint } from "../address/host_port.ts";
import { blamesBackend, type DialFailure } from "../base/reason.ts";
import type { Claim } from "../schedule/claim.ts";
import { dialFailed } from "../schedule/verdict.ts";
import type { ConnectionContext } from "./context.ts";

/** Whether a dial failed for lack of a descriptor or a local port. */
export function isShortage(failure: DialFailure | undefined): boolean {
  return failure === "no descriptor" || failure === "no local port";
}

/** Reports a dial that failed, and applies the rules about it (`-a`, `--passive`) to the channel. */
export function judgeFailure(
  context: ConnectionContext,
  claim: Claim,
  failure: DialFailure,
): void {
  const { table, shortage, options: { passive, autoDisable }, backendEvent } = context;
  if (isShortage(failure)) shortage.notice(`cannot connect to backends: ${failure}`);
  const event = dialFailed(table, claim, { failure, rules: passive });
  if (event !== undefined) backendEvent(event);
  if (context.options.reportsUnreachable && blamesBackend(failure)) context.unreachable?.(claim);
  if (autoDisable && blamesBackend(failure)) disable(context, claim);
}

/** Milliseconds between two reports about a channel. */
const REPORT_MS = 1000;

/**
 * Reports connects that failed, at most one per second and backend.
 *
 * @returns For {@link ConnectionContext.unreachable}.
 */
export function unreachableReports(
  backendEvent: ConnectionContext["backendEvent"],
): (claim: Claim) => void {
  const reportedAt = new Map<number, number>();
  return ({ group, channel, generation }) => {
    const now = performance.now();
    if (now - (reportedAt.get(generation) ?? -Infinity) < REPORT_MS) return;
    for (const [one, at] of reportedAt) if (now - at >= REPORT_MS) reportedAt.delete(one);
    reportedAt.set(generation, now);
    backendEvent({ kind: "unreachable", group, channel, generation, text: "" });
  };
}

/** `-a`: disables the channel and prints the two lines of 3.35, unless it is already disabled. */
function disable(
  { table, notice, backendEvent }: ConnectionContext,
  claim: Claim,
): void {
  const { backend, account, generation } = claim;
  const disabled = table.locked(() => {
    const { group, channel } = claim.place;
    // The channel may have got another address since; the failure does not concern that one.
    if (table.account(group, channel) !== account) return undefined;
    if (table.state(group, channel) !== "enabled") return undefined;
    return table.setState(group, channel, "disabled") ? { group, channel } : undefined;
  });
  if (disabled === undefined) return;
  const { group, channel } = disabled;
  notice(`connection failed group ${group} channel ${channel}`);
  notice(
    `${formatEndpoint(backend)} needs to be enabled manually ` +
      "using balance -i after the problem is solved",
  );
  backendEvent({ kind: "disabled", group, channel, generation, text: "" });
}
