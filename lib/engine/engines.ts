import { EXIT, ExitError, withName } from "../base/errors.ts";
import { denoBinder, denoEngine } from "./deno/deno_engine.ts";
import type { Binder, Engine } from "./engine.ts";
import type { EngineName } from "./names.ts";

/**
 * Binds addresses for an engine.
 *
 * @throws {ExitError} If the engine cannot run here.
 */
export function binderOf(name: EngineName): Binder {
  if (name !== "streams") throw cannotRun(name);
  return denoBinder;
}

/**
 * Opens an engine in the isolate that serves.
 *
 * @throws {ExitError} If it cannot run here.
 */
export function openEngine(name: EngineName): Engine {
  if (name !== "streams") throw cannotRun(name);
  return denoEngine;
}

function cannotRun(name: EngineName): ExitError {
  return new ExitError(withName(`the ${name} engine cannot run here`), EXIT.osErr);
}
