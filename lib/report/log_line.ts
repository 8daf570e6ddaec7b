/**
 * The lines of the connection log. Pure.
 *
 * Text is `key=value` for eyes, `grep` and every reader of logfmt; JSON is one object a line. Both
 * have the same keys and the same words (vocabulary.ts). Nothing that a peer sends gets into a
 * line: all values are numbers, addresses and words of ours.
 */

import type { ConnectionInfo } from "../base/connection_info.ts";
import { formatEndpoint } from "../address/host_port.ts";
import type { LogFormat } from "../cli/options.ts";
import type { ConnectionEnd, FailedAttempt } from "../connection/observe.ts";
import { actorOf, word } from "./vocabulary.ts";

/** How lines are written. Can be cloned to a worker. */
export interface LogStyle {
  readonly format: LogFormat;
  /** A line when a connection starts, too. */
  readonly starts: boolean;
  /** Lines of text begin with the time; syslog has its own. JSON always tells it. */
  readonly time: boolean;
}

/** Failed attempts that a line names at the most; it always tells how many there were. */
const MAX_FAILURES = 32;

type Fields = Readonly<Record<string, string | number | readonly string[] | undefined>>;

/**
 * The line of a connection that was accepted.
 *
 * @param info The connection.
 * @param style How to write it; `now` is the time.
 * @returns One line without its newline.
 */
export function startLine(info: ConnectionInfo, style: LogStyle & { now: Date }): string {
  return line({ type: "start", id: info.id, ...ends(info) }, style);
}

/**
 * The line of a connection that has ended: who ended it and why, and what happened before.
 *
 * @param end The connection.
 * @param style How to write it; `now` is the time.
 * @returns One line without its newline.
 */
export function endLine(end: ConnectionEnd, style: LogStyle & { now: Date }): string {
  const { failed, connectMs, group, channel, backend } = end;
  return line({
    type: "end",
    id: end.id,
    ...ends(end),
    channel: channel === undefined ? undefined : `${group}.${channel}`,
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

/** `GROUP.CHANNEL:WHY` of each, the first ones if there are very many. */
function failedAttempts(failed: readonly FailedAttempt[]): string[] {
  return failed.slice(0, MAX_FAILURES)
    .map(({ group, channel, failure }) => `${group}.${channel}:${word(failure)}`);
}

/** Keys are always there in text (`-` where there is nothing to tell), and left out in JSON. */
function line(fields: Fields, { format, time, now }: LogStyle & { now: Date }): string {
  const iso = now.toISOString();
  if (format === "json") return JSON.stringify({ time: iso, ...fields });
  const pairs = Object.entries(fields).map(([key, value]) => `${key}=${value ?? "-"}`);
  return (time ? [`time=${iso}`, ...pairs] : pairs).join(" ");
}
