import type { Endpoint } from "../base/endpoint.ts";
import { type Claim, placeOfClaim } from "../schedule/claim.ts";
import type { Ticking } from "../timing/clock.ts";
import type { ConnectionContext } from "./context.ts";
import type { Tap } from "./observe.ts";
import { idleTimedOut, timedOutLine, timedOutText, untilIdleCheck } from "./timeouts.ts";

/** A connection that relays. */
interface Relaying extends Ticking {
  readonly client: Endpoint;
  readonly claim: Claim | undefined;
  close(reason: "idle limit"): void;
}

/**
 * Closes a connection that has reached the idle timeout, and reports that. Without a timeout, the
 * clock need not watch the connection.
 *
 * @param idle `since`: its last activity; `now`: both in milliseconds of the clock.
 * @returns See {@link Ticking.tick}.
 */
export function checkIdle(
  connection: Relaying,
  { options, timedOut, clock }: Pick<ConnectionContext, "options" | "timedOut" | "clock">,
  { tap, ...idle }: { since: number; now: number; tap: Tap | undefined },
): number | void {
  if (options.idleTimeoutMs === 0) return clock.unwatch(connection);
  if (!idleTimedOut(options, idle)) return untilIdleCheck(options, idle);
  const { client, claim } = connection;
  timedOut(timedOutLine(options, { client, ...placeOfClaim(claim) }));
  tap?.event(timedOutText(options));
  connection.close("idle limit");
}
