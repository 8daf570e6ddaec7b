/** What a connection tells to those who watch: the packet dump, the log, the metrics. */

import type { ConnectionInfo } from "../base/connection_info.ts";
import type { DialFailure, Reason } from "../base/reason.ts";
import type { Ending, Side } from "../base/side.ts";

/** An attempt to connect that failed. */
export interface FailedAttempt {
  readonly group: number;
  readonly channel: number;
  readonly failure: DialFailure;
}

/** A connection that has ended. */
export interface ConnectionEnd extends ConnectionInfo {
  readonly reason: Reason;
  /** Attempts that failed, in order. */
  readonly failed: readonly FailedAttempt[];
  /** Milliseconds that the successful attempt took; `undefined` if there was none. */
  readonly connectMs?: number | undefined;
}

/** What came of one attempt to connect. */
export interface DialOutcome {
  readonly group: number;
  readonly channel: number;
  /** Milliseconds that it took. */
  readonly ms: number;
  /** Why it failed; `undefined` if the channel answered. */
  readonly failure: DialFailure | undefined;
}

/** Told about every connection. Absent functions cost nothing. */
export interface Monitor {
  /** It was accepted. */
  readonly started?: ((info: ConnectionInfo) => void) | undefined;
  /** An attempt to connect has its outcome. */
  readonly dialed?: ((outcome: DialOutcome) => void) | undefined;
  /** It has ended. */
  readonly ended?: ((end: ConnectionEnd) => void) | undefined;
}

/** Looks at one connection's bytes, for the packet dump. */
export interface Tap {
  /** Something happened that is no byte: a channel was chosen, failover, a limit. */
  event(text: string): void;
  /** A channel answered. */
  connected(info: ConnectionInfo): void;
  /** A chunk before it is written; a promise holds it back until there is room. */
  chunk(side: Side, bytes: Uint8Array): Promise<void> | undefined;
  /** The input from one side has ended. */
  ended(side: Side, how: Ending): void;
  /** Both sides are closed. */
  closed(reason: Reason): void;
}

/** Makes the tap of a connection; `undefined` if it is not wanted. */
export type TapMaker = (info: ConnectionInfo) => Tap | undefined;
