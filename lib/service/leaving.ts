/** What the running program does when a successor takes over. */

import { counted } from "../base/integers.ts";
import { systemReason, withName } from "../base/errors.ts";
import type { ControlListener } from "../control/control_listener.ts";
import type { Options } from "../cli/options.ts";
import { carriedGroups, carriedHealth } from "../takeover/carried.ts";
import { type Handover, openHandover } from "../takeover/handover.ts";
import type { ChangeGate } from "../state/change_gate.ts";
import type { DataPlane } from "../workers/data_plane.ts";
import type { PidFile } from "./pid_file.ts";
import type { Prepared } from "./prepare.ts";
import type { ServiceManager } from "./service_manager.ts";
import type { RunningProgram } from "./shutdown.ts";

/**
 * Lets successors take over this program.
 *
 * @param inForce `options`: those that are in force.
 * @param parts `program` returns it, once it runs, and `pidFile` the file of `--pid-file`, if any.
 */
export function openLeaving(
  inForce: { readonly options: Pick<Options, "graceS"> },
  { prepared, plane, manager, gate, notice, program, pidFile }: {
    prepared: Prepared;
    plane: DataPlane;
    manager: ServiceManager;
    gate: ChangeGate;
    notice: (line: string) => void;
    program: () => RunningProgram;
    pidFile: () => PidFile | undefined;
  },
): Handover {
  const { setup, table, channelSet, state, reports, joining } = prepared;
  const control: ControlListener = prepared.control;
  const parts = { table, channelSet };
  return openHandover({
    at: setup.listen,
    metrics: setup.metrics,
    plane,
    gate,
    ready: joining?.left ?? Promise.resolve(),
    get graceMs() {
      return inForce.options.graceS * 1000;
    },
    isStopping: () => program().stopping,
    begun: () => ({ health: carriedHealth(parts), metrics: setup.metrics }),
    steered: () => ({ operator: state.capture(), groups: carriedGroups(parts) }),
    async committed(pid) {
      reports.retire(true);
      await manager.handedOver(pid);
    },
    async resumed(reason) {
      notice(withName(reason));
      reports.retire(false);
      await manager.resumed();
      await control.reclaim();
      await state.reclaim();
      try {
        pidFile()?.reclaim();
      } catch (error) {
        notice(withName(`can't write pid file: ${systemReason(error)}`));
      }
    },
    async retire(leave, pid) {
      prepared.follower.close();
      await program().retire(leave);
      // The successor follows them, and reports their changes.
      prepared.follower.close();
      const { graceS } = inForce.options;
      const limit = `at most ${counted(graceS, "second")} for ${
        counted(program().open, "connection")
      }`;
      notice(withName(`process ${pid} has taken over, waiting ${limit}`));
      await reports.release();
    },
  });
}
