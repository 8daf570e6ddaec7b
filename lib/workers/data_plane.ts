/** The part of the program that serves connections, in this isolate or in workers. */

import type { AdmissionPlane } from "../admission/admission_control.ts";
import type { Arrival } from "../admission/arrival.ts";
import type { AdmissionSetup, Gate } from "../admission/gate.ts";
import type { Reason } from "../base/reason.ts";
import { serve, type Serving } from "../connection/accept/accept_loop.ts";
import { changeGate, gateOf, refusalReports } from "../connection/accept/gates.ts";
import { limitedLines } from "../connection/limited_lines.ts";
import { Clock } from "../timing/clock.ts";
import type { Connection } from "../connection/connection.ts";
import type { ConnectionContext } from "../connection/context.ts";
import { unreachableReports } from "../connection/failed_dial.ts";
import { type BurstNotices, oncePerBurst } from "../connection/once_per_burst.ts";
import type { Connections, Selection } from "../control/commands/command.ts";
import type { Engine, Listener } from "../engine/engine.ts";
import { requestShutdown } from "../native/sockets.ts";
import type { BackendEvent } from "../schedule/verdict.ts";
import { WaitLine, type WaitOptions } from "../wait_line/wait_line.ts";
import type { Messages } from "../system/messages.ts";
import type { Table } from "../table/table.ts";
import type { PlaneDump } from "./dump_order.ts";
import type { WorkerReports } from "./monitor.ts";
import type { ServingChange, ServingOptions } from "./protocol.ts";

/** A running data plane. */
export interface DataPlane extends Connections, AdmissionPlane {
  /** Stops accepting; resolves when new connections are refused. Open ones continue. */
  stop(): Promise<void>;
  /**
   * Replaces the current dump, or stops it, also for open connections. Resolves when no more
   * records arrive for the previous dump.
   */
  setDump(dump: PlaneDump | undefined): Promise<void>;
  /**
   * Counts a descriptor for the dump file of each connection, or does so no longer, when deciding
   * how many connections to accept.
   */
  countDumpFiles(value: boolean): Promise<void>;
  /** Other options apply from now on, also to open connections. */
  change(change: ServingChange): Promise<void>;
  /** Closes all open connections, and stops accepting. */
  closeAll(): void;
  /**
   * Resolves when the last connection has ended after the stop; `cutOff` counts those closed. Does
   * not wait until all sockets are closed (state `closing`).
   */
  readonly done: Promise<PlaneEnd>;
}

/** How a data plane has ended. */
export interface PlaneEnd {
  /** How many connections were closed before their end. */
  readonly cutOff: number;
  /** Whether it has ended without a stop, because no worker is left. */
  readonly isLost?: boolean;
}

/** A data plane in this isolate. */
export interface LocalPlane extends DataPlane {
  /** Clients in the wait line may have got channels. */
  deliver(): void;
  /** Ends everything of it that would still run after {@link Engine.abandon}. */
  abandon(): void;
}

/** What {@link serveHere} is given. */
export interface PlaneOptions extends
  Pick<
    ConnectionContext,
    "table" | "notice" | "debug" | "monitor" | "backendEvent"
  > {
  readonly serving: ServingOptions;
  /** The engine of this isolate, which made the listener. */
  readonly engine: Engine;
  /** Default: notices, once per burst. */
  readonly shortage?: BurstNotices | undefined;
  /** Default: the first one of a burst is a notice, and the others are counted. */
  readonly timedOut?: ((line: string) => void) | undefined;
  /** Default: the first ones of a burst are notices, and the others are counted. */
  readonly refusedLine?: ((line: string) => void) | undefined;
  /** Shuts down sockets that the runtime cannot close. Default: those of this isolate. */
  readonly requestShutdown?: ConnectionContext["requestShutdown"];
  /** The dump at the start. */
  readonly dump?: PlaneDump | undefined;
  /** Wakes another worker: its clients in the wait line got channels. Default: there is none. */
  readonly wake?: ((worker: number) => void) | undefined;
}

/** What workers are started with. */
export interface WorkerPoolOptions {
  /** Number of workers, at least 1. */
  readonly count: number;
  readonly serving: ServingOptions;
  readonly table: Table;
  readonly messages: Messages;
  readonly reports?: WorkerReports | undefined;
  /** The dump at the start. */
  readonly dump?: PlaneDump | undefined;
  /** Something happened to a channel because of a connection. */
  readonly backendEvent: (event: BackendEvent) => void;
  /** Called when all workers can listen; returns the socket for them, unless they bind. */
  readonly enter?: (() => Promise<number | undefined>) | undefined;
  /** Called when no worker accepts any longer: new connections must be refused. */
  readonly refuse?: (() => void) | undefined;
  /** How clients are admitted, once `enter` has returned. @default as in `serving` */
  readonly admission?: (() => AdmissionSetup) | undefined;
  /** Makes an isolate; the default runs worker.ts. */
  readonly make?: (() => Worker) | undefined;
}

/** Serves in this isolate. Owns the listener from now on. */
export function serveHere(listener: Listener, options: PlaneOptions): LocalPlane {
  const { shortage = oncePerBurst(options.notice), serving: { connection } } = options;
  const waiting = waitingOf(options);
  const lines = limitedLines(options.notice, () => context.options);
  let dump = options.dump;
  const context: MutableContext = {
    ...options,
    options: connection,
    shortage,
    timedOut: options.timedOut ?? lines.timedOut,
    clock: new Clock(options.engine),
    waiting,
    admission: gateOf(options.table, options.serving.admission),
    refused: refusalReports(options.serving.admission, {
      monitor: options.monitor,
      print: options.refusedLine ?? lines.refused,
    }),
    unreachable: unreachableReports(options.backendEvent),
    requestShutdown: options.requestShutdown ?? requestShutdown,
    tap: () => dump?.taps,
    room: () => options.monitor?.room?.() ?? dump?.room(),
  };
  const { limits } = options.serving;
  let { dumpFiles = false } = options.serving;
  const serving = serve(listener, context, maxConnections);
  let cutOff = 0;

  function maxConnections(): number {
    return (dumpFiles ? limits?.maxWithFiles : limits?.max) ?? Infinity;
  }

  return {
    stop: () => serving.stop(),
    setDump(next) {
      dump = next;
      for (const connection of serving.connections) connection.setTap(dump?.taps);
      return Promise.resolve();
    },
    countDumpFiles(value) {
      dumpFiles = value;
      serving.limitChanged();
      return Promise.resolve();
    },
    closeAll() {
      serving.stopNow();
      cutOff += closeWhere(serving, (one) => one.info().state !== "closing", "shutdown");
    },
    done: serving.done.then(() => {
      lines.end();
      return { cutOff };
    }),
    connections() {
      const all = [...serving.arrivals, ...serving.connections];
      // A connection whose header arrives late has a smaller number than those before it.
      return Promise.resolve(all.map((one) => one.info()).sort((a, b) => a.id - b.id));
    },
    deliver: () => waiting?.line.deliver(),
    abandon() {
      context.clock.stop();
      serving.stopNow();
      lines.end();
    },
    close(selection) {
      const { reason = "closed by control" } = selection;
      return Promise.resolve(closeWhere(serving, selector(options.table, selection), reason));
    },
    setAdmission(setup) {
      changeGate(context, serving, setup);
      return Promise.resolve();
    },
    change(change) {
      applyChange(context, change);
      for (const connection of serving.connections) context.clock.watch(connection);
      return Promise.resolve();
    },
  };
}

/** Closes connections; returns how many. */
function closeWhere(
  { arrivals, connections }: Serving,
  wanted: (connection: Connection | Arrival) => boolean,
  reason: Reason,
): number {
  let closed = 0;
  for (const one of [...arrivals, ...connections]) {
    if (!wanted(one)) continue;
    if (reason === "backend down" && "backendDown" in one) one.backendDown();
    else one.close(reason);
    closed++;
  }
  return closed;
}

/** Whether a connection is selected. */
function selector(
  table: Table,
  selection: Selection,
): (connection: Connection | Arrival) => boolean {
  const all = withOwner(table, selection);
  if ("id" in all) return ({ id }) => id === all.id;
  return (one) =>
    "claim" in one && one.claim?.owner === all.owner && one.info().state !== "closing";
}

type MutableContext =
  & { -readonly [Key in keyof ConnectionContext]: ConnectionContext[Key] }
  & { admission: Gate | undefined };

/** Other options apply, also to open connections. */
function applyChange(context: MutableContext, { connection, waitMs }: ServingChange): void {
  context.options = connection;
  const line = context.waiting?.line;
  if (line === undefined || waitMs === undefined) return;
  line.hashFailover = connection.hashFailover;
  context.waiting = { line, waitMs };
}

/** Adds the `id` of the channel whose connections are selected, before it gets another number. */
export function withOwner(table: Table, selection: Selection): Selection {
  if ("id" in selection) return selection;
  const { group, channel, owner = table.id(group, channel) } = selection;
  return { ...selection, owner };
}

/** The wait line (`--wait`), as this isolate uses it. */
export function waitingOf(
  { table, serving, wake = () => {} }: Pick<PlaneOptions, "table" | "serving" | "wake">,
): WaitOptions | undefined {
  const { wait, connection: { hashFailover } } = serving;
  if (wait === undefined) return undefined;
  const line = new WaitLine({ table, handle: wait.line, hashFailover, wake });
  return { line, waitMs: wait.ms };
}
