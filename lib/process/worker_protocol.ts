/** What the program and its workers say to each other; per connection nothing crosses. */

import type { ConnectionOptions } from "../connection/connection.ts";
import type { Endpoint } from "../engine/engine.ts";
import type { TableHandle } from "../table/table.ts";

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
  }
  | { readonly type: "stop" }
  | { readonly type: "closeAll" };

/** From a worker. */
export type FromWorker =
  | { readonly type: "listening" }
  | { readonly type: "failed"; readonly message: string }
  | { readonly type: "notice" | "debug"; readonly line: string }
  /** New connections are refused. */
  | { readonly type: "stopped" }
  /** The last connection has ended after `stop`. */
  | { readonly type: "done"; readonly cutOff: number };
