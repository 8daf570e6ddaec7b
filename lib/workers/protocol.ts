/** What the program and its workers say to each other; per connection only what is logged or dumped. */

import type { Endpoint } from "../base/endpoint.ts";
import type { ConnectionInfo } from "../base/connection_info.ts";
import type { ConnectionOptions } from "../connection/connection.ts";
import type { TableHandle } from "../table/table.ts";
import type { Selection } from "../control/command.ts";
import type { DumpOrder } from "./dump_order.ts";
import type { DumpBatch } from "./dump_outbox.ts";
import type { MonitorConfig } from "./monitor.ts";

/** To a worker. */
export type ToWorker =
  | {
    readonly type: "start";
    /** Which worker it is, from 0; the table counts what each of them holds. */
    readonly index: number;
    readonly at: Endpoint;
    readonly table: TableHandle;
    readonly options: ConnectionOptions;
    readonly debug: boolean;
    /** Whether notices and lines of `-d` go to standard error, by the worker itself. */
    readonly isStderr: boolean;
    /** What it logs and counts. */
    readonly monitor: MonitorConfig;
    /** What it dumps; absent without a dump. */
    readonly dump: DumpOrder | undefined;
    /** See `ConnectionContext`. */
    readonly chunkBytes: number | undefined;
    readonly maxConnections: number | undefined;
  }
  /** Begins or ends a dump; answered by `dumpSet` with the same `query`. */
  | { readonly type: "dump"; readonly query: number; readonly order: DumpOrder | undefined }
  /** Answers `dumped`: there is room for more. */
  | { readonly type: "dumpTaken"; readonly generation: number }
  | { readonly type: "stop" }
  /** Asks for the connections; answered by `connections` with the same `query`. */
  | { readonly type: "connections"; readonly query: number }
  /** Ends some connections; answered by `closed` with the same `query`. */
  | { readonly type: "close"; readonly query: number; readonly selection: Selection }
  | { readonly type: "closeAll" };

/** From a worker. */
export type FromWorker =
  | { readonly type: "listening" }
  | {
    readonly type: "connections";
    readonly query: number;
    readonly connections: readonly ConnectionInfo[];
  }
  | { readonly type: "closed"; readonly query: number; readonly count: number }
  /** Nothing more comes for the dump that it was before. */
  | { readonly type: "dumpSet"; readonly query: number }
  | { readonly type: "dumped"; readonly batch: DumpBatch }
  /** It could not start. */
  | { readonly type: "failed"; readonly message: string }
  /** An error that nobody caught ends it. */
  | { readonly type: "crashed"; readonly message: string }
  /** `shortage` may be said by several of them; `log` is a line of the connection log. */
  | { readonly type: "notice" | "shortage" | "debug" | "log"; readonly line: string }
  /** New connections are refused. */
  | { readonly type: "stopped" }
  /** The last connection has ended after `stop`. */
  | { readonly type: "done"; readonly cutOff: number };
