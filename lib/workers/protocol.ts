/** Messages between the main isolate and its workers. */

import type { ConnectionInfo } from "../base/connection_info.ts";
import type { Endpoint, SocketPair } from "../base/endpoint.ts";
import type { AdmissionSetup } from "../admission/gate.ts";
import type { ConnectionOptions } from "../connection/context.ts";
import type { Selection } from "../control/commands/command.ts";
import type { EngineName } from "../engine/names.ts";
import type { IsolateLoads } from "../engine/isolate_loads.ts";
import type { LineHandle } from "../wait_line/line_memory.ts";
import type { BackendEvent } from "../schedule/verdict.ts";
import type { ConnectionLimits } from "../system/capacity.ts";
import type { TableHandle } from "../table/table.ts";
import type { DumpOrder } from "./dump_order.ts";
import type { DumpBatch } from "./dump_outbox.ts";
import type { LineKind, MonitorConfig } from "./monitor.ts";

/** How connections are served, the same in every isolate. A plain record that can be cloned. */
export interface ServingOptions {
  readonly engine: EngineName;
  /** The address that all workers listen on. */
  readonly at: Endpoint;
  /** `--freebind`: this host need not have the address. */
  readonly free?: boolean | undefined;
  /** Maximum number of pipes that a worker of the epoll engine opens, two descriptors each. */
  readonly maxPipes?: number | undefined;
  readonly connection: ConnectionOptions;
  /** How many connections one isolate accepts. @default no limit */
  readonly limits?: ConnectionLimits | undefined;
  /** Whether each connection has its own dump file, at the start. */
  readonly dumpFiles?: boolean | undefined;
  /** `--wait`: the wait line, and how long one client may wait, in milliseconds. */
  readonly wait?: { readonly line: LineHandle; readonly ms: number } | undefined;
  /** Who may connect. @default everyone */
  readonly admission?: AdmissionSetup | undefined;
}

/** What may change while connections are served. A plain record that can be cloned. */
export interface ServingChange {
  readonly connection: ConnectionOptions;
  /** How long one client may wait, in milliseconds, with `--wait`. */
  readonly waitMs: number | undefined;
}

/** What connects an isolate that waits in system calls with the main isolate. */
export interface IsolateLink {
  /** An eventfd that is written after each message to the isolate. */
  readonly wakeup: number;
  /** Shared: byte N is 1 while the isolate has descriptor N open. */
  readonly sockets: Uint8Array<SharedArrayBuffer>;
  /** How many connections the other isolates have. */
  readonly loads: IsolateLoads;
}

/** What a worker is started with. */
export interface WorkerSetup {
  /** Number of the worker, from 0; the table has counters for each. */
  readonly index: number;
  /** `undefined` unless the engine is epoll. */
  readonly link: IsolateLink | undefined;
  readonly serving: ServingOptions;
  readonly table: TableHandle;
  /** `-d` */
  readonly debug: boolean;
  readonly monitor: MonitorConfig;
  /** The dump at the start. */
  readonly dump: DumpOrder | undefined;
}

/** A question to a worker; its answer has the same `query`. */
export type Question =
  /** Starts or stops a dump; answered when no more records arrive for the previous one. */
  | { readonly type: "dump"; readonly order: DumpOrder | undefined }
  /** Changes `dumpFiles` of {@link ServingOptions}. */
  | { readonly type: "dumpFiles"; readonly value: boolean }
  /** Other options apply from now on. */
  | { readonly type: "change"; readonly change: ServingChange }
  /** Other clients are admitted from now on. */
  | { readonly type: "admission"; readonly setup: AdmissionSetup }
  /** Lists the open connections. */
  | { readonly type: "connections" }
  /** Closes connections; answered with their number. */
  | { readonly type: "close"; readonly selection: Selection };

/** The answer to each {@link Question}. */
export interface Answers {
  readonly dump: true;
  readonly dumpFiles: true;
  readonly change: true;
  readonly admission: true;
  readonly connections: readonly ConnectionInfo[];
  readonly close: number;
}

/** A message to a worker. */
export type ToWorker =
  /**
   * Prepares to serve, also again in an isolate in which that has crashed. `port`, if the engine is
   * epoll: other messages arrive there, because the isolate can receive those while it is busy.
   */
  | { readonly type: "start"; readonly setup: WorkerSetup; readonly port?: MessagePort | undefined }
  /**
   * Listens and serves. `descriptor`: the socket that the main isolate has bound; without it, the
   * worker binds. `admission`: instead of that of the start.
   */
  | {
    readonly type: "listen";
    readonly descriptor: number | undefined;
    readonly admission: AdmissionSetup | undefined;
  }
  | { readonly type: "question"; readonly query: number; readonly question: Question }
  /** Answers `dumped`: there is room for more. */
  | { readonly type: "dumpTaken"; readonly generation: number }
  /** Answers `logged`: the log has room for more. */
  | { readonly type: "logTaken" }
  /** Clients in the wait line got channels. */
  | { readonly type: "deliver" }
  | { readonly type: "stop" }
  | { readonly type: "closeAll" };

/** A message from a worker. */
export type FromWorker =
  /** It is prepared. `thread`: the ID of its thread, if the engine is epoll. */
  | { readonly type: "ready"; readonly thread?: number | undefined }
  /** `placeholder`: see `Listener`. */
  | { readonly type: "listening"; readonly placeholder?: number | undefined }
  /** It cannot serve. `message` is the line to print with the exit code, should the program end. */
  | { readonly type: "failed"; readonly message: string; readonly exitCode: number }
  | { readonly type: "answer"; readonly query: number; readonly answer: Answers[keyof Answers] }
  | { readonly type: "dumped"; readonly batch: DumpBatch }
  | { readonly type: "logged"; readonly lines: readonly string[] }
  /** An uncaught error has ended its isolate or, with the epoll engine, what served there. */
  | { readonly type: "crashed"; readonly message: string }
  /** A line to print. `shortage`, `timedOut` and `refused` are limited across all workers. */
  | { readonly type: LineKind; readonly line: string }
  /** Sockets to shut down, which only the main isolate can; see `requestShutdown()`. */
  | { readonly type: "stuck"; readonly sockets: readonly SocketPair[] }
  /** Clients of another worker got channels. */
  | { readonly type: "wake"; readonly worker: number }
  /** Something happened to a channel because of a connection. */
  | { readonly type: "backend"; readonly event: BackendEvent }
  /** New connections are refused. */
  | { readonly type: "stopped" }
  /** The last connection has ended after `stop`. */
  | { readonly type: "done"; readonly cutOff: number };
