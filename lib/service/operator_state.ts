/** Restores what operators changed in the previous run, and keeps what they change in this one. */

import type { AdmissionControl } from "../admission/admission_control.ts";
import { formatIp, type Ip } from "../address/ip.ts";
import { aboutLater, AddressError, withName } from "../base/errors.ts";
import { printable } from "../base/printable.ts";
import type { Endpoint } from "../base/endpoint.ts";
import type { ChannelSet } from "../channel_set/channel_set.ts";
import type { HealthControl } from "../check/check_status.ts";
import { findInstances } from "../control/instances.ts";
import { absolutePath } from "../native/absolute_path.ts";
import { applyAdmission, changedAdmission } from "../state/admission_record.ts";
import { applyState } from "../state/apply.ts";
import { captureState } from "../state/capture.ts";
import { OperatorChanges } from "../state/changes.ts";
import { StateKeeper } from "../state/keeper.ts";
import type { ChangedChannel, OperatorState, StateAddress } from "../state/record.ts";
import { type StateControl, StateError } from "../state/state_control.ts";
import type { StateOwner } from "../state/state_file.ts";
import type { ChannelNames } from "../table/channel_names.ts";
import type { Table } from "../table/table.ts";

/** What operators changed, in this run and before. */
export interface OperatorStateControl extends StateControl {
  /** Everything that operators have changed. */
  capture(): OperatorState;
  /**
   * Applies a record of another balance, as far as it fits. Lines about the rest are reported.
   *
   * @param from For these lines: where the record comes from.
   */
  apply(state: OperatorState, from: string): void;
  /**
   * Makes the file of `--state` that of this balance.
   *
   * @throws {ExitError} If it cannot be written (73).
   */
  begin(): Promise<void>;
  /** Makes the file that of this balance again, after a successor has died. */
  reclaim(): Promise<void>;
  /** Writes the last changes. */
  close(): Promise<void>;
}

/** What it works on. The table has exactly the configured channels. */
export interface OperatorStateParts {
  /** Whether the record of a predecessor is applied later, instead of that of the file. */
  readonly isCarried?: boolean;
  /** `--state` as given. */
  readonly path: string | undefined;
  /** The address that balance listens on. */
  readonly at: Endpoint;
  readonly table: Table;
  readonly names: ChannelNames;
  readonly channelSet: ChannelSet;
  readonly health: HealthControl;
  readonly admission: Pick<AdmissionControl, "lists" | "limits">;
  readonly notice: (line: string) => void;
  /** Rejects with an `AddressError`. */
  readonly resolve: (host: string) => Promise<Ip>;
}

/**
 * Reads the file of `--state` and applies what fits; what does not is reported, a line each.
 *
 * @throws {ExitError} If the file cannot be written (73), or belongs to another running balance (69).
 */
export async function openOperatorState(parts: OperatorStateParts): Promise<OperatorStateControl> {
  const { path, at, table, names, channelSet: baseline, health, notice } = parts;
  const changes = new OperatorChanges(baseline);
  const report = (text: string) => notice(withName(text));
  const keeper = path === undefined ? undefined : await aboutLater(
    "state",
    StateKeeper.open({ path: absolutePath(path), at, report, isRunning }),
  );

  function capture(): OperatorState {
    const admission = changedAdmission(parts.admission);
    const state = captureState({
      ...{ table, names, baseline, changes },
      attributes: (group, channel) => health.attributes(group, channel),
    });
    return { ...state, ...admission && { admission } };
  }

  function apply(state: OperatorState, from: string): void {
    const lines = applyState(state, { table, names, baseline, changes, health });
    for (const line of lines) report(`${from}: ${printable(line)}`);
    if (state.admission !== undefined) applyAdmission(state.admission, parts.admission);
    if (keeper !== undefined) keeper.forgotten = state;
  }

  if (keeper !== undefined && !parts.isCarried) {
    const from = `state file [${printable(keeper.path)}]`;
    apply(
      await resolved(keeper.saved, parts.resolve, (line) => report(`${from}: ${printable(line)}`)),
      from,
    );
  }

  function mustKeep(): StateKeeper {
    if (keeper !== undefined) return keeper;
    throw new StateError("there is no state file: balance was started without --state");
  }

  return {
    note: (group, channel, change) => changes.note(group, channel, change),
    removed: (group, channel) => baseline.removed(group, channel),
    look: () => keeper?.look(),
    async save() {
      await mustKeep().save();
      return mustKeep().path;
    },
    async forget() {
      await mustKeep().forget();
      return mustKeep().path;
    },
    capture: () => ({ ...capture(), ...keeper?.forgotten }),
    apply,
    begin: async () => await aboutLater("state", Promise.resolve(keeper?.begin(capture, parts))),
    reclaim: async () => await keeper?.reclaim(),
    close: async () => await keeper?.close(),
  };
}

/** Whether the balance that a state file belongs to still runs. */
export async function isRunning({ pid, port, address }: StateOwner): Promise<boolean> {
  const found = await findInstances({ port });
  return found.some((one) => one.pid === pid && one.at.address === address);
}

/** Resolves the hosts again, at once. One that is unknown now keeps its last address. */
async function resolved(
  state: OperatorState,
  resolve: (host: string) => Promise<Ip>,
  report: (line: string) => void,
): Promise<OperatorState> {
  async function again<T extends StateAddress>(to: T): Promise<T> {
    try {
      return { ...to, address: formatIp(await resolve(to.host)) };
    } catch (error) {
      if (!(error instanceof AddressError)) throw error;
      report(`${error.message}: its last address ${to.address} is used`);
      return to;
    }
  }
  const changed = async (channel: ChangedChannel) => {
    const { assigned } = channel;
    return assigned === undefined ? channel : { ...channel, assigned: await again(assigned) };
  };
  const groups = state.groups.map(async (group) => ({
    ...group,
    channels: await Promise.all(group.channels.map(changed)),
    created: await Promise.all(group.created.map(again)),
  }));
  return { ...state, groups: await Promise.all(groups) };
}
