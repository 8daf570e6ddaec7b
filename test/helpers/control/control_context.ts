import { AdmissionControl } from "../../../lib/admission/admission_control.ts";
import { NO_LIMITS } from "../../../lib/admission/client_limits.ts";
import { openDrains } from "../../../lib/control/commands/drains.ts";
import { serviceLookup } from "../../../lib/address/services.ts";
import type { ControlContext } from "../../../lib/control/commands/command.ts";
import { ChannelNames } from "../../../lib/table/channel_names.ts";
import { fakeHealth } from "./fake_health.ts";
import { type StateControl, StateError } from "../../../lib/state/state_control.ts";
import { ChangeGate } from "../../../lib/state/change_gate.ts";
import type { Table } from "../../../lib/table/table.ts";

const EVERYONE = {
  ...{ allow: undefined, deny: undefined, acceptProxy: undefined },
  limits: NO_LIMITS,
};

/**
 * The context of control commands in a test with a table only: no connections, no dump.
 *
 * @param table The table.
 * @param resolve Finds the address of a host.
 */
export function controlContext(
  table: Table,
  resolve: ControlContext["resolve"],
): ControlContext {
  const connections = { connections: () => Promise.resolve([]), close: () => Promise.resolve(0) };
  return {
    table,
    engine: "streams",
    drains: openDrains(table, connections),
    health: fakeHealth(),
    admission: new AdmissionControl(EVERYONE, { workers: 1, connections: 1 }),
    state: noState(),
    gate: new ChangeGate(),
    instances: () => Promise.resolve(""),
    reload: () => Promise.resolve({ text: "no file here", failed: true }),
    names: new ChannelNames(table),
    resolve,
    services: serviceLookup(undefined),
    connections,
    dump: {
      on: () => Promise.reject(new Error("no dump here")),
      off: () => Promise.resolve(false),
      status: () => undefined,
    },
    lifecycle: { stopping: false, open: 0, stop: () => Promise.resolve() },
  };
}

/** Keeps nothing, as without `--state`. */
export function noState(): StateControl {
  const fail = () => Promise.reject(new StateError("no state file here"));
  return { note() {}, removed() {}, look() {}, save: fail, forget: fail };
}
