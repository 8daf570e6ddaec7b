/**
 * The permission to run programs, which only `exec` checks need. The executable has it at the start
 * and gives it up unless such a check is on the command line. An attacker who
 * takes over the running program, or controls it, cannot add one.
 */

import { splitAttributes } from "../address/channel_spec.ts";
import { EXIT, ExitError, withName } from "../base/errors.ts";
import type { CheckSpec } from "./spec.ts";

const RUN = { name: "run" } as const;

/**
 * Gives up the permission to run any program, for good and in all workers, unless it is needed.
 *
 * @param needed See {@link needsExec}.
 * @throws {ExitError} If it is needed but was not granted (from source without `--allow-run`).
 */
export function limitExec(needed: boolean): void {
  if (!needed) Deno.permissions.revokeSync(RUN);
  else if (!mayExec()) {
    throw new ExitError(withName("exec checks need the permission --allow-run"), EXIT.noPermission);
  }
}

/**
 * Whether a command line has an `exec` check.
 *
 * @param check The check of all channels.
 * @param channels The channels as written, with their attributes.
 */
export function needsExec(check: CheckSpec | undefined, channels: readonly string[]): boolean {
  return check?.kind === "exec" ||
    channels.some((channel) =>
      splitAttributes(channel).attributes.some((pair) => pair.startsWith("check=exec:"))
    );
}

/** Whether `exec` checks can run: any program may be started, not only this one. */
export function mayExec(): boolean {
  return Deno.permissions.querySync(RUN).state === "granted";
}
