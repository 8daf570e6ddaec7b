/**
 * The program, whose workers are those of `buggy_worker.ts`. Run by tests instead of `main.ts`.
 *
 * @module
 */
import { NAME } from "../../../lib/base/version.ts";
import { prepareProcess } from "../../../lib/native/process.ts";

const { Worker } = globalThis;
const WORKER = new URL("../../../lib/workers/worker.ts", import.meta.url).href;
const BUGGY = new URL("./buggy_worker.ts", import.meta.url);

globalThis.Worker = class extends Worker {
  constructor(module: string | URL, options?: WorkerOptions) {
    super(`${module}` === WORKER ? BUGGY : module, options);
  }
};
prepareProcess(NAME, Deno.args);
const { run } = await import("../../../lib/process/run.ts");
Deno.exit(await run(Deno.args));
