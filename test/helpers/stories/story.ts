/**
 * Random orders of events on the two ends of a relayed connection, and what must come of them.
 *
 *     client --bytes--> [balance] --bytes--> backend
 *
 * A story is the same for the same seed. {@linkcode expected} is a pure model of balance: it knows
 * neither sockets nor engines.
 *
 * @module
 */
import { otherSide, type Side } from "../../../lib/base/side.ts";
import { drawer } from "../drawer.ts";

/** What one end does. */
export type Action =
  | { readonly side: Side; readonly does: "send"; readonly bytes: number }
  | { readonly side: Side; readonly does: "half-close" | "reset" | "close" | "stop" | "resume" };

/** A pause lets balance run: for a turn of the event loop, or until everything due has arrived. */
export type Step = Action | { readonly does: "turn" | "settle" };

/** A story. */
export interface Story {
  readonly seed: number;
  readonly steps: readonly Step[];
  /** Receive buffer of the client in bytes; `undefined`: the one of the system, which grows. */
  readonly receiveBuffer: number | undefined;
}

/** One end so far, as the model sees it. */
export interface EndState {
  /** Its output has ended: by half-close, close or reset. */
  readonly finished: boolean;
  /** It has closed its socket. */
  readonly gone: "close" | "reset" | undefined;
  readonly reads: boolean;
}

/** What must hold once everything due has arrived. */
export interface Expected {
  /**
   * - `open`: at least one direction is open, and nothing was cut off.
   * - `complete`: both ends have half-closed, and every byte arrives.
   * - `reset`: one end was reset before any input had ended; so the other one is, too.
   * - `cut`: one end has gone in another way: what arrives is the beginning of what was sent.
   */
  readonly outcome: "open" | "complete" | "reset" | "cut";
  /** The end that went first, for `reset` and `cut`. */
  readonly by: Side | undefined;
}

/** Most steps of a story. */
const STEPS = 14;

/** The story of a seed. */
export function storyOf(seed: number): Story {
  const draw = drawer(seed);
  for (let i = 0; i < 4; i++) draw.below(2);
  const size = (): number =>
    draw.of([
      () => 1,
      () => 1 + draw.below(100),
      () => 1 + draw.below(20_000),
      () => 65_536,
      () => 100_000 + draw.below(200_000),
      // More than all socket buffers hold.
      () => 3_000_000 + draw.below(5_000_000),
    ])();
  const steps: Step[] = [];
  for (let left = 1 + draw.below(STEPS); left > 0; left--) {
    const side = draw.of<Side>(["client", "backend"]);
    const kind = draw.below(100);
    if (kind < 50) steps.push({ side, does: "send", bytes: size() });
    else if (kind < 64) steps.push({ side, does: "half-close" });
    else if (kind < 70) steps.push({ side, does: "reset" });
    else if (kind < 76) steps.push({ side, does: "close" });
    else if (kind < 90) steps.push({ side, does: "stop" });
    else steps.push({ side, does: "resume" });
    // Without a pause, several events of both ends reach balance at once.
    const pause = draw.below(100);
    if (pause < 25) steps.push({ does: "turn" });
    else if (pause < 45) steps.push({ does: "settle" });
  }
  return { seed, steps, receiveBuffer: draw.percent(30) ? 4096 + draw.below(30_000) : undefined };
}

/** The text of a story for the report of a failure. */
export function storyText(story: Story): string {
  const steps = story.steps.map((step) =>
    "side" in step
      ? `${step.side} ${step.does}${step.does === "send" ? ` ${step.bytes}` : ""}`
      : step.does
  );
  return `seed ${story.seed}: ${steps.join(", ")}`;
}

/** What is known about the ends when one of them goes. */
export interface Leaving {
  readonly by: Side;
  readonly how: "close" | "reset";
  /** Whether an input had ended before. */
  readonly afterAnEnd: boolean;
  /** Whether its own output had not ended before, so that a reset has cut it off. */
  readonly isCutOff: boolean;
  /** Whether it had read everything that the other end has sent. */
  readonly hadReadAll: boolean;
}

/** The model. @param sentLater Whether the other end has sent or gone after somebody left. */
export function expected(
  ends: Readonly<Record<Side, EndState>>,
  left: Leaving | undefined,
  { sentLater, endedLater }: { sentLater: boolean; endedLater: boolean },
): Expected {
  if (left === undefined) {
    const over = ends.client.finished && ends.backend.finished;
    return { outcome: over ? "complete" : "open", by: undefined };
  }
  const { by, how } = left;
  if (how === "reset") {
    // An end that arrives together with the reset may be seen first.
    return { outcome: left.afterAnEnd || endedLater ? "cut" : "reset", by };
  }
  // Closing with nothing unread is a half-close, until something arrives that nobody reads.
  if (!left.hadReadAll || sentLater || ends[otherSide(by)].gone !== undefined) {
    return { outcome: "cut", by };
  }
  return { outcome: ends[otherSide(by)].finished ? "complete" : "open", by };
}
