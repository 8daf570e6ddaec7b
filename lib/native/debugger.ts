import { delay } from "@std/async/delay";
import { EXIT, ExitError, withName } from "../base/errors.ts";
import { stateOfDebuggerSignal } from "./signal_actions.ts";

/** Since this version of Deno, SIGUSR1 opens a debugger. */
const SINCE = [2, 9, 2] as const;
/** Milliseconds that it may take to open after the signal. */
const OPENS_MS = 100;

/**
 * Refuses to run with a debugger, through which every user of the machine could run code as the
 * user of this process. Deno opens it on SIGUSR1, unless `prepareProcess()` has prevented that.
 *
 * @throws {ExitError} If SIGUSR1 could not be ignored, or came before it was.
 */
export async function requireNoDebugger(): Promise<void> {
  const state = stateOfDebuggerSignal();
  if (state === "ignored" || !opensDebugger(Deno.version.deno)) return;
  const problem = "can't keep SIGUSR1 from opening a debugger";
  if (state === "not ignored") throw refusal(`${problem}: Deno needs --allow-ffi`);
  await delay(OPENS_MS);
  const { url } = await import("node:inspector");
  const at = url();
  if (at !== undefined) throw refusal(`${problem}: the signal arrived too early, see ${at}`);
}

/**
 * Whether a version of Deno opens a debugger on SIGUSR1. Pure.
 *
 * @param version For example `"2.9.6"`.
 */
export function opensDebugger(version: string): boolean {
  const [major = 0, minor = 0, patch = 0] = version.split(".").map((part) => parseInt(part));
  if (major !== SINCE[0]) return major > SINCE[0];
  return minor > SINCE[1] || (minor === SINCE[1] && patch >= SINCE[2]);
}

function refusal(reason: string): ExitError {
  return new ExitError(withName(reason), EXIT.osErr);
}
