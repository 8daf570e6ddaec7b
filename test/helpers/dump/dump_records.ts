/** Connections to dump, and their dump records as short texts. */

import type { ConnectionInfo } from "../../../lib/base/connection_info.ts";
import type { Tap } from "../../../lib/connection/observe.ts";
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

/** The connection after channel 0.1 answered. */
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

/** One record as a short text. */
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

/** The records of a story that pass a filter. */
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

/** A connection that fails over from channel 0.0 to 0.1 and is closed by the client. */
export function oneConnection(tapOf: (subject: ConnectionInfo) => Tap | undefined, id = 1): void {
  const tap = tapOf(accepted(id));
  tap?.event("channel 0 failed");
  if (tap?.connected(answered(id)) === false) return;
  void tap?.chunk("client", bytes("hello"));
  void tap?.chunk("backend", bytes("world"));
  tap?.ended("client", "end");
  tap?.ended("backend", "end");
  tap?.closed("client closed");
}

/** The records of {@linkcode oneConnection}. */
export const ONE_CONNECTION = [
  "#1 open",
  "#1 channel 0 failed",
  "#1 connected",
  "#1 client hello",
  "#1 backend world",
  "#1 client end",
  "#1 backend end",
  "#1 close",
];
