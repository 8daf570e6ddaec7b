/** Clients that connect and leave, as many as the machine allows. */

import { untilStill } from "../t.ts";

/** Clients that connect one after the other in several lanes. */
export interface Storm {
  /** How many have been closed by balance so far. */
  readonly closed: number;
  /** The longest time between two that were closed, in milliseconds. */
  readonly longestPauseMs: number;
  /** Waits until all are closed. Clients that were refused or reset count, too. */
  readonly done: Promise<void>;
  /** Waits until no client is closed any more, because balance does not accept, or all are. */
  stalled(): Promise<void>;
}

/** Starts clients that each send only the end of their data and wait until balance closes them. */
export function storm(port: number, options: { count: number; lanes?: number }): Storm {
  const { count, lanes = 50 } = options;
  let started = 0, closed = 0, longestPauseMs = 0, last = performance.now();

  async function lane(): Promise<void> {
    const buffer = new Uint8Array(1000);
    while (started++ < count) {
      try {
        using conn = await Deno.connect({ port });
        await conn.closeWrite();
        while (await conn.read(buffer) !== null);
      } catch { /* refused or reset */ }
      closed++;
      const now = performance.now();
      longestPauseMs = Math.max(longestPauseMs, now - last);
      last = now;
    }
  }

  return {
    get closed() {
      return closed;
    },
    get longestPauseMs() {
      return longestPauseMs;
    },
    done: Promise.all(Array.from({ length: lanes }, lane)).then(() => {}),
    async stalled() {
      await untilStill(() => closed, { timeoutMs: 60_000, what: "the clients to wait" });
    },
  };
}

/** Connects clients that leave at once. @returns How many were connected. */
export async function connectAndClose(
  port: number,
  options: { count: number; lanes?: number },
): Promise<number> {
  const { count, lanes = 100 } = options;
  let started = 0, connected = 0;
  async function lane(): Promise<void> {
    while (started++ < count) {
      try {
        (await Deno.connect({ port })).close();
        connected++;
      } catch { /* refused or reset */ }
    }
  }
  await Promise.all(Array.from({ length: lanes }, lane));
  return connected;
}
