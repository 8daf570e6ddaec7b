import type { Arrival } from "./arrival.ts";
import type { Refusal } from "../base/reason.ts";

/**
 * Decides who may connect, in one isolate: access lists and limits. It exists only if an option or an
 * operator asks for it.
 */
export interface Admission {
  /** Whether a peer must send a PROXY header. */
  expectsHeader(peer: string): boolean;
  /**
   * Admits a client and counts it, or returns why it is refused. It is then not counted.
   *
   * @param client Its address, as in `Endpoint`; that of the PROXY header, if there is one.
   */
  enter(client: string): Refusal | undefined;
  /** Counts a client whose connection was open before anything counted clients. */
  adopt(client: string): void;
  /** The connection of a client that was admitted has ended, and its descriptors are free. */
  leave(client: string): void;
  /**
   * How many milliseconds to wait before the next accept, because of the rate of all clients; 0 if
   * that may be now.
   */
  pauseMs(): number;
  /**
   * Counts a connection that was accepted for the rate of all clients.
   *
   * @returns How many milliseconds it must wait, because other isolates have accepted connections
   *     since {@link pauseMs}.
   */
  accepted(): number;
  /**
   * A connection that was accepted does not count: its client is refused.
   *
   * @param ageMs Milliseconds since {@link accepted}. @default {0}
   */
  uncount(ageMs?: number): void;
}

/** How a client was admitted. */
export interface Admitted {
  /** What has counted it; `undefined` if nothing has. */
  readonly admission?: Admission | undefined;
  /** If its header was awaited. */
  readonly arrival?: Arrival | undefined;
}
