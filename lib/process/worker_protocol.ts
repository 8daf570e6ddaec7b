/** What the program and its workers say to each other; per connection only what is logged. */

import type { ConnectionOptions } from "../connection/connection.ts";
import type { ConnectionInfo } from "../connection/observe.ts";
import type { Endpoint } from "../engine/engine.ts";
import type { TableHandle } from "../table/table.ts";
import type { Selection } from "../control/command.ts";
import type { WorkerReport } from "./worker_report.ts";

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
    /** What it logs and counts. */
    readonly report: WorkerReport;
  }
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
  | { readonly type: "failed"; readonly message: string }
  /** `log` is a line of the connection log. */
  | { readonly type: "notice" | "debug" | "log"; readonly line: string }
  /** New connections are refused. */
  | { readonly type: "stopped" }
  /** The last connection has ended after `stop`. */
  | { readonly type: "done"; readonly cutOff: number };
