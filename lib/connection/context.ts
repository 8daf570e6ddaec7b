import type { SocketPair } from "../base/endpoint.ts";
import type { Admission } from "../admission/admission.ts";
import type { Engine } from "../engine/engine.ts";
import type { Claim } from "../schedule/claim.ts";
import type { BackendEvent, PassiveRules } from "../schedule/verdict.ts";
import type { WaitOptions } from "../wait_line/wait_line.ts";
import type { Table } from "../table/table.ts";
import type { Clock } from "../timing/clock.ts";
import type { ConnectionEnd, Monitor, TapMaker } from "./observe.ts";
import type { BurstNotices } from "./once_per_burst.ts";
import type { Timeouts } from "./timeouts.ts";

/** The options that concern connections. A plain record that can be cloned to workers. */
export interface ConnectionOptions extends Timeouts {
  /** `-H`: failover within hash groups. */
  readonly hashFailover: boolean;
  /** `-a`: disable a channel that cannot be connected to. */
  readonly autoDisable: boolean;
  /** `-B`: local address of connections to backends. */
  readonly source?: string | undefined;
  /** `--resolve`: report each connect that fails: the address of the name may have changed. */
  readonly reportsUnreachable?: boolean | undefined;
  /** When connections that fail make a channel down or suspect. */
  readonly passive: PassiveRules;
}

/** What all connections of one isolate share. */
export interface ConnectionContext {
  readonly engine: Engine;
  readonly table: Table;
  readonly clock: Clock;
  readonly options: ConnectionOptions;
  /** Prints a line for the operator. */
  readonly notice: (line: string) => void;
  /** Prints a line about a shortage, such as EMFILE, once per burst. */
  readonly shortage: BurstNotices;
  /** Prints a line about a connection that the idle timeout has closed, or counts it. */
  readonly timedOut: (line: string) => void;
  /** `-d`: prints a line about an event. */
  readonly debug?: ((line: string) => void) | undefined;
  /** Returns the maker of taps for the current packet dump, if there is one. */
  readonly tap: () => TapMaker | undefined;
  /**
   * Waits until the access log and the packet dump have room for another connection; `undefined` if
   * they have room now.
   */
  readonly room?: (() => Promise<void> | undefined) | undefined;
  /**
   * Requests to shut down sockets that cannot be closed because a write to them is pending;
   * `undefined` where that is not possible.
   */
  readonly requestShutdown?: ((sockets: readonly SocketPair[]) => void) | undefined;
  /** Who may connect; `undefined` if everyone may. */
  readonly admission?: Admission | undefined;
  /** Reports a client that was refused: access log and notice. */
  readonly refused?: ((end: ConnectionEnd) => void) | undefined;
  /** Where clients wait for a channel (`--wait`); without it, they do not wait. */
  readonly waiting?: WaitOptions | undefined;
  /** Something happened to a channel because of a connection. */
  readonly backendEvent: (event: BackendEvent) => void;
  /** Reports a connect that failed; at most one per second and channel. */
  readonly unreachable?: ((claim: Claim) => void) | undefined;
  /** The access log and the metrics. */
  readonly monitor?: Monitor | undefined;
}
