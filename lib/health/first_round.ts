import type { ChannelCheck } from "./channel_check.ts";

/** Waits for the first probe of each channel. */
export interface FirstRound {
  /** Resolves when all of them have a result, or the time is over. */
  readonly over: Promise<void>;
  /** The first probe of a channel has a result, or is no longer wanted. */
  done(check: ChannelCheck): void;
  /** Waits no longer. */
  end(): void;
}

/** @param ms The time limit, in milliseconds. */
export function awaitFirstRound(checks: Iterable<ChannelCheck>, ms: number): FirstRound {
  const missing = new Set(checks), { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  Deno.unrefTimer(timer);

  function end(): void {
    missing.clear();
    clearTimeout(timer);
    resolve();
  }

  if (missing.size === 0) end();
  return {
    over: promise,
    done(check) {
      if (missing.delete(check) && missing.size === 0) end();
    },
    end,
  };
}
