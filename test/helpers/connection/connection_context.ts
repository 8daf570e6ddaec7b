import { Clock } from "../../../lib/connection/clock.ts";
import type { ConnectionContext } from "../../../lib/connection/context.ts";
import { oncePerBurst } from "../../../lib/connection/once_per_burst.ts";
import { denoEngine } from "../../../lib/engine/deno/deno_engine.ts";
import type { Table } from "../../../lib/table/table.ts";
import { DEFAULT_PASSIVE } from "../../../lib/schedule/verdict.ts";

/**
 * The context of connections in a test: no dump, no log, a connect timeout of one second.
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
    engine: denoEngine,
    table,
    clock: new Clock(),
    options: {
      connectTimeoutMs: 1000,
      idleTimeoutMs: 0,
      hashFailover: false,
      autoDisable: false,
      passive: DEFAULT_PASSIVE,
    },
    notice,
    shortage: oncePerBurst(notice),
    timedOut: notice,
    tap: () => undefined,
    backendEvent: () => {},
    ...more,
  };
}
