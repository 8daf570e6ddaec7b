import { startChild, stopChild } from "../system/children.ts";
import type { Contender } from "../contenders/contender.ts";
import { tiedTo } from "../system/cores.ts";
import { accepts, freePort } from "../system/port.ts";
import { reason, type Run, type Target } from "./run.ts";

/** A contender that accepts connections; leaving its scope ends it. */
export interface Running extends Target, AsyncDisposable {
  readonly pid: number;
  /** Milliseconds from the start of its process until it accepted a connection. */
  readonly startTime: number;
}

/** How to start a contender; the defaults are those of most figures. */
export interface LaunchOptions {
  /** @default {"default"} */
  readonly buffers?: "default" | "256K";
  /** Cores for taskset, `undefined` = not tied. */
  readonly cores: string | undefined;
}

/**
 * Starts a contender in a folder of its own and waits until it accepts.
 *
 * @throws {Error} with the last line it printed when it ends or does not accept within 10 seconds.
 */
export async function launch(
  run: Run,
  contender: Contender,
  options: LaunchOptions,
): Promise<Running> {
  const folder = await Deno.makeTempDir({ dir: run.folder, prefix: `${contender.name}-` });
  const port = freePort();
  const { command, env = {}, files = {} } = contender.start({
    port,
    backendPort: run.backendPort,
    folder,
    buffers: options.buffers ?? "default",
    descriptors: run.descriptors,
  });
  for (const [name, text] of Object.entries(files)) {
    await Deno.writeTextFile(`${folder}/${name}`, text);
  }
  const log = `${folder}/log`;
  const begin = performance.now();
  const child = startChild(tiedTo(options.cores, command), { log, env, folder });
  let ended = false;
  child.status.then(() => ended = true);
  if (!await accepts(port, () => ended)) {
    await stopChild(child);
    const said = (await Deno.readTextFile(log).catch(() => "")).trim();
    const last = said.split("\n").slice(-3).join(" / ");
    throw new Error(`does not accept connections: ${last || "no message"}`);
  }
  return {
    name: contender.name,
    port,
    pid: child.pid,
    startTime: performance.now() - begin,
    [Symbol.asyncDispose]: () => stopChild(child),
  };
}

/** Starts several; one that does not start becomes a note. Leaving the scope ends them all. */
export async function launchAll(
  run: Run,
  contenders: readonly Contender[],
  options: LaunchOptions,
): Promise<AsyncDisposable & { readonly targets: readonly Running[] }> {
  const stack = new AsyncDisposableStack(), targets: Running[] = [];
  for (const contender of contenders) {
    try {
      targets.push(stack.use(await launch(run, contender, options)));
    } catch (error) {
      run.notes.add(`${contender.name}: ${reason(error)}`);
    }
  }
  return { targets, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}
