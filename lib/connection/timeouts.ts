/** The time limits of a connection, in milliseconds of the shared {@link Clock}. Pure. */

/** The limits that options set. */
export interface Timeouts {
  /** `-t`: connect timeout of one attempt. */
  readonly connectTimeoutMs: number;
  /** `-T`: idle timeout, without data in either direction; 0 for none. */
  readonly idleTimeoutMs: number;
}

/** A span of time. */
interface Span {
  readonly since: number;
  readonly now: number;
}

/** A dial this slow makes it worth reading from the client, to notice that it leaves. */
const READ_AHEAD_AFTER_MS = 100;

/**
 * A client that half-closes before sending anything has left, or expects the backend to speak
 * first. The two look alike, so it gets this long, more than a backend that answers needs.
 */
const LEFT_AFTER_MS = 300;

/** Whether an attempt to connect has used up its time. */
export function connectTimedOut(limits: Timeouts, dialing: Span): boolean {
  return dialing.now - dialing.since >= limits.connectTimeoutMs;
}

/** Whether a connection has been silent for too long. */
export function idleTimedOut(limits: Timeouts, idle: Span): boolean {
  return limits.idleTimeoutMs > 0 && idle.now - idle.since > limits.idleTimeoutMs;
}

/** Whether a client that half-closed during a dial counts as gone. */
export function hasLeft(halfClosed: Span): boolean {
  return halfClosed.now - halfClosed.since >= LEFT_AFTER_MS;
}

/** Whether a dial takes so long that the client should be watched. */
export function isSlowDial(dialing: Span): boolean {
  return dialing.now - dialing.since >= READ_AHEAD_AFTER_MS;
}
