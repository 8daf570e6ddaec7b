import { Clock } from "../../../lib/timing/clock.ts";
import type { ConnectionContext, ConnectionOptions } from "../../../lib/connection/context.ts";
import { oncePerBurst } from "../../../lib/connection/once_per_burst.ts";
import { engineUnderTest } from "../engine/engine_under_test.ts";
import type { Table } from "../../../lib/table/table.ts";
import { DEFAULT_PASSIVE } from "./passive_rules.ts";

/** Options of connections in a test: a connect timeout of one second. */
export const CONNECTION_OPTIONS: ConnectionOptions = {
  connectTimeoutMs: 1000,
  idleTimeoutMs: 0,
  hashFailover: false,
  autoDisable: false,
  passive: DEFAULT_PASSIVE,
};

/**
 * The context of connections in a test: no dump, no log, {@linkcode CONNECTION_OPTIONS}.
 *
 * @param table Where they claim channels.
 * @param more What differs.
 */
export function connectionContext(
  table: Table,
  more: Partial<ConnectionContext> = {},
): ConnectionContext {
  const notice = more.notice ?? (() => {});
  return {
    engine: engineUnderTest,
    table,
    clock: new Clock(),
    options: CONNECTION_OPTIONS,
    notice,
    shortage: oncePerBurst(notice),
    timedOut: notice,
    tap: () => undefined,
    backendEvent: () => {},
    ...more,
  };
}
