import { moreRefused, REFUSED_LINES } from "../admission/refusal_lines.ts";
import { countedPerBurst } from "./once_per_burst.ts";
import { moreTimedOut, type Timeouts } from "./timeouts.ts";

/** Prints lines about single clients: the first ones of a burst, and how many followed. */
export interface LimitedLines {
  /** About a connection that the idle timeout has closed; one per burst. */
  timedOut(line: string): void;
  /** About a client that was refused; {@link REFUSED_LINES} per burst. */
  refused(line: string): void;
  /** Prints the numbers of the others, and ends the bursts. */
  end(): void;
}

/**
 * Limits lines about single clients, see `countedPerBurst()`.
 *
 * @param notice Prints a line.
 * @param timeouts Returns the limits that are in force.
 */
export function limitedLines(
  notice: (line: string) => void,
  timeouts: () => Timeouts,
): LimitedLines {
  const timedOut = countedPerBurst(notice, (count) => moreTimedOut(timeouts(), count));
  const refused = countedPerBurst(notice, moreRefused, { most: REFUSED_LINES });
  return {
    timedOut: timedOut.notice,
    refused: refused.notice,
    end() {
      timedOut.end();
      refused.end();
    },
  };
}
