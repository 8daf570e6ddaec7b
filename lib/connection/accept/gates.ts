/** The gate of one isolate, and reports about the clients that it refuses. */

import { type AdmissionSetup, Gate } from "../../admission/gate.ts";
import { refusalLine } from "../../admission/refusal_lines.ts";
import { RefusalMemory } from "../../admission/refusal_memory.ts";
import type { Table } from "../../table/table.ts";
import type { ConnectionContext } from "../context.ts";
import type { Monitor } from "../observe.ts";
import type { Serving } from "./accept_loop.ts";

/** What admits clients in this isolate; `undefined` while everyone may connect. */
export function gateOf(
  { worker }: Pick<Table, "worker">,
  setup: AdmissionSetup | undefined,
): Gate | undefined {
  return setup?.isActive ? new Gate(setup, worker) : undefined;
}

/** Admits clients as set up, and counts the connections that are not counted yet. */
export function changeGate(
  context: Pick<ConnectionContext, "table"> & { admission: Gate | undefined },
  serving: Serving,
  setup: AdmissionSetup,
): void {
  const gate = context.admission ??= gateOf(context.table, setup);
  if (gate === undefined) return;
  gate.setup = setup;
  serving.limitChanged();
  for (const connection of serving.connections) connection.adoptFor(gate);
}

/**
 * Reports each client that is refused, but not more often than {@link RefusalMemory} allows.
 *
 * @param setup How clients are admitted; `undefined`: none is refused.
 * @param reports `monitor` writes the access log; `print` prints a line for the operator.
 */
export function refusalReports(
  setup: AdmissionSetup | undefined,
  { monitor, print }: { monitor: Monitor | undefined; print: (line: string) => void },
): ConnectionContext["refused"] {
  if (setup === undefined) return undefined;
  const memory = new RefusalMemory(setup.refusals);
  return (end) => {
    const { client: { address }, reason } = end;
    if (!memory.isDue(address, reason)) return;
    monitor?.logged?.(end);
    const line = refusalLine(end);
    if (line !== undefined) print(line);
  };
}
