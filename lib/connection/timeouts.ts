/**
 * The time limits of a connection, in milliseconds of the shared clock. `Connection.tick` applies
 * them. Pure.
 */

import { formatEndpoint } from "../address/host_port.ts";
import type { ConnectionRoute } from "../base/connection_info.ts";
import { counted } from "../base/integers.ts";

/** The limits that options set. */
export interface Timeouts {
  /** `-t`: connect timeout of one attempt. */
  readonly connectTimeoutMs: number;
  /** `-T`: idle timeout, without data in either direction; 0 for none. */
  readonly idleTimeoutMs: number;
}

/** A period of time. */
interface Span {
  readonly since: number;
  readonly now: number;
}

/** If a dial takes this long, balance reads from the client to detect a disconnect. */
const READ_AHEAD_AFTER_MS = 100;

/**
 * A client that half-closes before sending anything has left, or expects the backend to speak
 * first. The two look alike, so the dial gets this long, which is enough for a healthy backend.
 */
const LEFT_AFTER_MS = 300;

/**
 * A client in the wait line that half-closes after it has sent something has usually given up. If it
 * still wants its answer, it gets this long for a channel.
 */
const LEFT_LINE_AFTER_MS = 1000;

/** Whether an attempt to connect has reached its timeout. */
export function connectTimedOut(limits: Timeouts, dialing: Span): boolean {
  return dialing.now - dialing.since >= limits.connectTimeoutMs;
}

/** Whether a connection has reached its idle timeout. */
export function idleTimedOut(limits: Timeouts, idle: Span): boolean {
  return limits.idleTimeoutMs > 0 && idle.now - idle.since > limits.idleTimeoutMs;
}

/**
 * How long {@link idleTimedOut} need not be checked, in milliseconds. Half of the time that is left:
 * a suspended process may make the clock advance that much too far, once.
 */
export function untilIdleCheck({ idleTimeoutMs }: Timeouts, idle: Span): number {
  return (idleTimeoutMs - (idle.now - idle.since)) / 2;
}

/** The text for a connection that the idle timeout has closed. */
export function timedOutText({ idleTimeoutMs }: Timeouts): string {
  return `timed out after ${idleTimeoutMs / 1000} seconds`;
}

/** The line for a connection that the idle timeout has closed. */
export function timedOutLine(
  limits: Timeouts,
  connection: Pick<ConnectionRoute, "client" | "group" | "channel">,
): string {
  const { client, group, channel } = connection, from = formatEndpoint(client);
  return `connection from ${from} to channel ${group}.${channel} ${timedOutText(limits)}`;
}

/** The line for connections that the idle timeout has closed, besides those named before. */
export function moreTimedOut(limits: Timeouts, count: number): string {
  return `${counted(count, "more connection")} ${timedOutText(limits)}`;
}

/** Whether a client that half-closed during a dial counts as gone. */
export function hasLeft(halfClosed: Span): boolean {
  return halfClosed.now - halfClosed.since >= LEFT_AFTER_MS;
}

/** Whether a client that half-closed in the wait line, after it had sent something, counts as gone. */
export function hasLeftLine(halfClosed: Span): boolean {
  return halfClosed.now - halfClosed.since >= LEFT_LINE_AFTER_MS;
}

/** Whether a dial is slow, so that balance should read from the client. */
export function isSlowDial(dialing: Span): boolean {
  return dialing.now - dialing.since >= READ_AHEAD_AFTER_MS;
}
