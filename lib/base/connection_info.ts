import type { Endpoint } from "./endpoint.ts";

/**
 * The state of a connection: `header` while its peer must send a PROXY header, `dialing` until a
 * backend has answered, or `waiting` in the wait line. A `closing` connection has ended, but the
 * runtime has not closed its sockets yet.
 */
export type ConnectionState = "header" | "waiting" | "dialing" | "open" | "half-closed" | "closing";

/** Which client is connected to which backend. A plain record: it can be cloned to a worker. */
export interface ConnectionRoute {
  /** From 1; unique in all workers while the program runs. */
  readonly id: number;
  /** The client: the peer, or the address that its PROXY header has named. */
  readonly client: Endpoint;
  /** The peer if it is not the client, but a proxy that has sent a PROXY header. */
  readonly peer?: Endpoint | undefined;
  /**
   * The address that the client connected to, never a wildcard: our own, or the one that a PROXY
   * header has named.
   */
  readonly listener: Endpoint;
  /** The channel that serves it or is being dialed. */
  readonly group?: number | undefined;
  readonly channel?: number | undefined;
  /** The address that was dialed. It stays when the channel gets another one (`assign`). */
  readonly backend?: Endpoint | undefined;
  /** Our own end of the connection to the backend, once it is open. */
  readonly local?: Endpoint | undefined;
}

/** One connection as `conns` shows it. A plain record. */
export interface ConnectionInfo extends ConnectionRoute {
  readonly state: ConnectionState;
  /** Milliseconds since it was accepted. */
  readonly ageMs: number;
  /** Milliseconds since the last byte in either direction. */
  readonly idleMs: number;
  /** Bytes from the client. */
  readonly sent: number;
  /** Bytes from the backend. */
  readonly rcvd: number;
}

/** The channel as text, for example `0.1` (`GROUP.CHANNEL`); `undefined` until one is chosen. */
export function channelText(
  { group, channel }: Pick<ConnectionRoute, "group" | "channel">,
): string | undefined {
  return group === undefined || channel === undefined ? undefined : `${group}.${channel}`;
}

/** Parses a channel: `GROUP.CHANNEL`, both from 0; `undefined` if it is invalid. */
export function parseChannelText(text: string): { group: number; channel: number } | undefined {
  const parts = /^(\d{1,6})\.(\d{1,6})$/.exec(text);
  return parts === null ? undefined : { group: Number(parts[1]), channel: Number(parts[2]) };
}
