/** What a connection reports to the packet dump, the log and the metrics. */

import type { BadHeader } from "../admission/arrival.ts";
import type { ConnectionInfo } from "../base/connection_info.ts";
import type { DialFailure, Reason } from "../base/reason.ts";
import type { Ending, Side } from "../base/side.ts";
import type { HeaderFault } from "../proxy_protocol/header.ts";

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
  /** Milliseconds that the successful attempt took; `undefined` if all failed. */
  readonly connectMs?: number | undefined;
  /** Milliseconds that it spent in the wait line; `undefined` if it did not wait. */
  readonly waitedMs?: number | undefined;
  /** What is wrong with its PROXY header, if that is the reason. */
  readonly badHeader?: BadHeader | undefined;
}

/** Receives the end of connections of class `C`. */
export interface ConnectionOwner<C> {
  /** It has ended, but cannot close its sockets yet. */
  closing(connection: C): void;
  /**
   * Its sockets are closed; called exactly once.
   *
   * @param bug What a callback threw, which ended it: a bug in balance.
   */
  ended(connection: C, bug: unknown): void;
}

/** The result of one attempt to connect. */
export interface DialOutcome {
  /** The account of the address that was dialed, see `Table`. */
  readonly account: number;
  /** How long it took, in milliseconds. */
  readonly ms: number;
  /** Why it failed; `undefined` if it succeeded. */
  readonly failure: DialFailure | undefined;
}

/** Receives the events of all connections. Absent functions cost nothing. */
export interface Monitor {
  /** A client was accepted. */
  readonly started?: ((info: ConnectionInfo) => void) | undefined;
  /** An attempt to connect succeeded or failed. */
  readonly dialed?: ((outcome: DialOutcome) => void) | undefined;
  /** A client has waited this long in the wait line in total, with or without success. */
  readonly waited?: ((ms: number) => void) | undefined;
  /** A connection has ended. */
  readonly ended?: ((end: ConnectionEnd) => void) | undefined;
  /** Writes the line of a connection to the access log, if `ended` is not called for it. */
  readonly logged?: ((end: ConnectionEnd) => void) | undefined;
  /** A client was refused at once; neither {@link started} nor {@link ended} is called. */
  readonly refused?: ((reason: Reason, fault?: HeaderFault) => void) | undefined;
  /** A peer must send a PROXY header before it counts (1), or has done so or has left (-1). */
  readonly header?: ((change: 1n | -1n) => void) | undefined;
  /** A connection that has ended cannot close its sockets yet. */
  readonly closing?: (() => void) | undefined;
  /** It has closed them now. */
  readonly freed?: (() => void) | undefined;
  /** Waits until the access log has room for another connection; `undefined` if it has now. */
  readonly room?: (() => Promise<void> | undefined) | undefined;
}

/** Receives the events and bytes of one connection, for the packet dump. */
export interface Tap {
  /** A failed attempt to connect, or a timeout. */
  event(text: string): void;
  /**
   * The connection to a backend is open.
   *
   * @returns `false` if the filter excludes the connection, which then no longer needs this tap.
   */
  connected(info: ConnectionInfo): boolean;
  /** The channel of the connection may have got another number. Absent, nothing depends on it. */
  moved?(info: ConnectionInfo): void;
  /**
   * A chunk was read; the write waits for the promise, if any.
   *
   * @param leg Set if only the backend gets it, as a PROXY header.
   */
  chunk(side: Side, bytes: Uint8Array, leg?: "server"): Promise<void> | undefined;
  /** The input from one side has ended. */
  ended(side: Side, how: Ending): void;
  /** The connection has ended. */
  closed(reason: Reason): void;
}

/** Creates the tap of a connection; `undefined` if the filter of the dump excludes it. */
export type TapMaker = (info: ConnectionInfo) => Tap | undefined;
