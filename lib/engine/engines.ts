import { denoEngine } from "./deno/deno_engine.ts";
import type { Engine } from "./engine.ts";

const ENGINES = {
  /** `Deno.listen` and `Deno.connect`; bytes are moved by `pipeTo`. */
  streams: denoEngine,
} as const satisfies Record<string, Engine>;

/** The name of an engine. */
export type EngineName = keyof typeof ENGINES;

/** The engine in use unless another one is requested. */
export const DEFAULT_ENGINE: EngineName = "streams";

/** An engine by its name. */
export function engineByName(name: EngineName): Engine {
  return ENGINES[name];
}
