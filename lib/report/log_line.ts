/**
 * The lines of the access log. Pure.
 *
 * The text format is `key=value` (logfmt), JSON is one object per line. Both have the same keys
 * and words (vocabulary.ts). Nothing that a peer sends gets into a line: all values are numbers,
 * addresses and fixed words.
 */

import { formatEndpoint } from "../address/host_port.ts";
import { channelText, type ConnectionInfo } from "../base/connection_info.ts";
import type { LogFormat } from "../cli/options.ts";
import type { ConnectionEnd, FailedAttempt } from "../connection/observe.ts";
import { actorOf, word } from "./vocabulary.ts";

/** How lines look. Can be cloned to a worker. */
export interface LogStyle {
  readonly format: LogFormat;
  /** Whether the start of a connection is logged, too. */
  readonly starts: boolean;
  /** Whether text lines start with the time, which syslog adds itself. JSON always has it. */
  readonly time: boolean;
}

/** Maximum number of failed attempts that a line lists; `attempts` counts them all. */
const MAX_FAILURES = 32;

type Fields = Readonly<Record<string, string | number | readonly string[] | undefined>>;

/**
 * The line for a connection that was accepted.
 *
 * @param info The connection.
 * @param style How the line looks; `now` is its time.
 * @returns One line without its newline.
 */
export function startLine(info: ConnectionInfo, style: LogStyle & { now: Date }): string {
  return line({ type: "start", id: info.id, ...ends(info) }, style);
}

/**
 * The line for a connection that has ended: who ended it, why, and its statistics.
 *
 * @param end The connection.
 * @param style How the line looks; `now` is its time.
 * @returns One line without its newline.
 */
export function endLine(end: ConnectionEnd, style: LogStyle & { now: Date }): string {
  const { failed, connectMs, backend } = end;
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
    connect_ms: connectMs === undefined ? undefined : Math.round(connectMs * 1000) / 1000,
    duration_ms: end.ageMs,
    sent: end.sent,
    rcvd: end.rcvd,
  }, style);
}

function ends({ client, listener }: ConnectionInfo): Fields {
  return { client: formatEndpoint(client), listener: formatEndpoint(listener) };
}

/** `GROUP.CHANNEL:REASON` of each, up to {@link MAX_FAILURES}. */
function failedAttempts(failed: readonly FailedAttempt[]): string[] {
  return failed.slice(0, MAX_FAILURES)
    .map((attempt) => `${channelText(attempt)}:${word(attempt.failure)}`);
}

/** A key without a value is `-` in text and left out in JSON. */
function line(fields: Fields, { format, time, now }: LogStyle & { now: Date }): string {
  const iso = now.toISOString();
  if (format === "json") return JSON.stringify({ time: iso, ...fields });
  const pairs = Object.entries(fields).map(([key, value]) => `${key}=${value ?? "-"}`);
  return (time ? [`time=${iso}`, ...pairs] : pairs).join(" ");
}
