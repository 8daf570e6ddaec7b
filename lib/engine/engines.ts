import { denoEngine } from "./deno/deno_engine.ts";
import { EXIT, ExitError, withName } from "../base/errors.ts";
import type { Engine } from "./engine.ts";
import type { EngineName } from "./names.ts";

const ENGINES: Partial<Record<EngineName, Engine>> = {
  /** `Deno.listen` and `Deno.connect`; bytes are moved by `pipeTo`. */
  streams: denoEngine,
};

/**
 * An engine by its name.
 *
 * @throws {ExitError} If it cannot run here.
 */
export function engineByName(name: EngineName): Engine {
  const engine = ENGINES[name];
  if (engine !== undefined) return engine;
  throw new ExitError(withName(`the ${name} engine cannot run here`), EXIT.osErr);
}
