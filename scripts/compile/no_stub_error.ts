import { ScriptError } from "../system/script_error.ts";

/** No source has the runtime stub of one target. */
export class NoStubError extends ScriptError {
  /** The target without a stub, such as "aarch64-apple-darwin". */
  readonly target: string;

  /** @param reasons What was tried and why it failed, then what the user can do. */
  constructor(target: string, reasons: readonly string[]) {
    super(`Cannot get the runtime stub (denort) for [${target}]: ${reasons.join("; ")}`);
    this.name = "NoStubError";
    this.target = target;
  }
}
