/**
 * The lines of the access log, as `key=value` (logfmt) or as JSON with the same keys. Pure.
 *
 * All values are numbers, addresses and fixed words (vocabulary.ts), so no peer can inject text.
 */

import { formatEndpoint } from "../address/host_port.ts";
import { channelText, type ConnectionInfo } from "../base/connection_info.ts";
import type { LogFormat } from "../cli/options.ts";
import type { ConnectionEnd, FailedAttempt } from "../connection/observe.ts";
import { actorOf, word } from "./vocabulary.ts";

/** The format of lines. Can be cloned to a worker. */
export interface LogStyle {
  readonly format: LogFormat;
  /** Whether there is also a line when a connection is accepted. */
  readonly starts: boolean;
  /** Whether text lines contain the time; syslog adds it itself. JSON always contains it. */
  readonly time: boolean;
}

/** Maximum number of failed attempts in a line; `attempts` counts all. */
const MAX_FAILURES = 32;

type Fields = Readonly<Record<string, string | number | readonly string[] | undefined>>;

/** The line, without a newline, for a connection that was accepted. */
export function startLine(info: ConnectionInfo, style: LogStyle & { now: Date }): string {
  return line({ type: "start", id: info.id, ...ends(info) }, style);
}

/** The line, without a newline, for a connection that has ended. */
export function endLine(end: ConnectionEnd, style: LogStyle & { now: Date }): string {
  const { failed, connectMs, waitedMs, backend } = end;
  return line({
    type: "end",
    id: end.id,
    ...ends(end),
    channel: channelText(end),
    backend: backend && formatEndpoint(backend),
    by: actorOf(end.reason),
    reason: word(end.reason),
    attempts: failed.length + (connectMs === undefined ? 0 : 1),
    failed: failed.length === 0 ? undefined : failedAttempts(failed),
    connect_ms: connectMs === undefined ? undefined : thousandths(connectMs),
    duration_ms: end.ageMs,
    sent: end.sent,
    rcvd: end.rcvd,
    ...(end.badHeader && { cause: end.badHeader.fault }),
    // Last, and only if it waited: lines of others stay as they were without a wait line.
    ...(waitedMs === undefined ? {} : { waited_ms: thousandths(waitedMs) }),
  }, style);
}

function thousandths(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}

function ends({ client, listener, peer }: ConnectionInfo): Fields {
  return {
    client: formatEndpoint(client),
    listener: formatEndpoint(listener),
    // Only if there is one: lines of others stay as they were without PROXY headers.
    ...(peer && { peer: formatEndpoint(peer) }),
  };
}

/** `GROUP.CHANNEL:REASON` of the first {@link MAX_FAILURES}. */
function failedAttempts(failed: readonly FailedAttempt[]): string[] {
  return failed.slice(0, MAX_FAILURES)
    .map((attempt) => `${channelText(attempt)}:${word(attempt.failure)}`);
}

/** Formats a line. A value that is `undefined` is `-` in text and left out in JSON. */
function line(fields: Fields, { format, time, now }: LogStyle & { now: Date }): string {
  const iso = now.toISOString();
  if (format === "json") return JSON.stringify({ time: iso, ...fields });
  const pairs = Object.entries(fields).map(([key, value]) => `${key}=${value ?? "-"}`);
  return (time ? [`time=${iso}`, ...pairs] : pairs).join(" ");
}
