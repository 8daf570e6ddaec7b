/** Connections that are dumped, and the records of their dumps as words. */

import type { Tap } from "../../../lib/connection/observe.ts";
import type { ConnectionInfo } from "../../../lib/base/connection_info.ts";
import { dumpTaps } from "../../../lib/dump/dump_tap.ts";
import { type FilterOptions, parseDumpFilter } from "../../../lib/dump/filter.ts";
import type { DumpRecord } from "../../../lib/dump/record.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

const textOf = (data: Uint8Array) => new TextDecoder().decode(data);

/** A connection that was just accepted. */
export function accepted(id: number, more: Partial<ConnectionInfo> = {}): ConnectionInfo {
  return {
    id,
    client: { address: "10.0.0.1", port: 50_000 + id },
    listener: { address: "10.0.0.2", port: 6379 },
    state: "dialing",
    ageMs: 0,
    idleMs: 0,
    sent: 0,
    rcvd: 0,
    ...more,
  };
}

/** The same when channel 0.1 has answered. */
export function answered(id: number, more: Partial<ConnectionInfo> = {}): ConnectionInfo {
  return accepted(id, {
    group: 0,
    channel: 1,
    local: { address: "10.0.0.2", port: 40_000 + id },
    backend: { address: "10.0.0.3", port: 7000 },
    state: "open",
    ...more,
  });
}

/** One record as a word or two. */
export function short(record: DumpRecord): string {
  const id = `#${record.connection.id}`;
  switch (record.kind) {
    case "data":
      return `${id} ${record.chunk.direction} ${textOf(record.chunk.bytes)}` +
        (record.chunk.length === undefined ? "" : `/${record.chunk.length}`);
    case "skip":
    case "drop":
      return `${id} ${record.kind} ${record.chunk.direction} ${record.chunk.length}`;
    case "event":
      return `${id} ${record.event.text}`;
    case "end":
      return `${id} ${record.end.direction} ${record.end.how}`;
    default:
      return `${id} ${record.kind}`;
  }
}

/** What a filter lets through of a story. */
export function recorded(
  filter: FilterOptions,
  story: (tapOf: (subject: ConnectionInfo) => Tap | undefined) => void,
): string[] {
  const records: string[] = [];
  story(dumpTaps(parseDumpFilter(filter), (record) => {
    records.push(short(record));
    return undefined;
  }));
  return records;
}

/** A connection that tries a channel in vain, is served by 0.1 and closed in order. */
export function whole(tapOf: (subject: ConnectionInfo) => Tap | undefined, id = 1): void {
  const tap = tapOf(accepted(id));
  tap?.event("channel 0 failed");
  tap?.connected(answered(id));
  void tap?.chunk("client", bytes("hello"));
  void tap?.chunk("backend", bytes("world"));
  tap?.ended("client", "end");
  tap?.ended("backend", "end");
  tap?.closed("client closed");
}

export const WHOLE = [
  "#1 open",
  "#1 channel 0 failed",
  "#1 connected",
  "#1 client hello",
  "#1 backend world",
  "#1 client end",
  "#1 backend end",
  "#1 close",
];
