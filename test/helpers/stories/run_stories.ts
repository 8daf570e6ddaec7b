/**
 * Runs many stories.
 *
 * - `BALANCE_FUZZ_STORIES`: their number, default 300.
 * - `BALANCE_FUZZ_SEED`: the seed of the first one; each of the others has the next one.
 *
 * @module
 */
import { tally } from "../net/client.ts";
import { type Promises, runStory, type Stage } from "./run_story.ts";
import { type Story, storyOf } from "./story.ts";

const COUNT = Number(Deno.env.get("BALANCE_FUZZ_STORIES") || 300);
const SEED = Number(Deno.env.get("BALANCE_FUZZ_SEED") || 20261127);
/** Stories at a time, so that events of several connections reach balance together. */
const LANES = 6;

/** The sums of some stories. */
export interface Stories {
  /** Bytes that were sent, in both directions. */
  readonly bytes: number;
  /** How many stories had which outcome, such as `complete: 50, cut: 40, reset: 10`. */
  readonly outcomes: string;
}

/**
 * Runs them.
 *
 * @param prepare Connects both ends; called for one story at a time.
 * @throws {AggregateError} With the seed of each story that differs from the model.
 */
export async function runStories(
  prepare: (story: Story) => Promise<Stage>,
  promises: Promises,
): Promise<Stories> {
  let next = SEED, bytes = 0;
  const outcomes: string[] = [], failures: unknown[] = [];
  let preparing: Promise<unknown> = Promise.resolve();
  async function lane(): Promise<void> {
    while (next < SEED + COUNT) {
      const story = storyOf(next++);
      const prepared = preparing.then(() => prepare(story));
      preparing = prepared.catch(() => {});
      try {
        await using stage = await prepared;
        const result = await runStory(story, stage, promises);
        outcomes.push(result.outcome);
        bytes += result.bytes;
      } catch (error) {
        failures.push(error);
      }
    }
  }
  await Promise.all(Array.from({ length: LANES }, lane));
  if (failures.length > 0) {
    throw new AggregateError(failures.slice(0, 5), `${failures.length} of ${COUNT} stories fail`);
  }
  return { bytes, outcomes: tally(outcomes) };
}
