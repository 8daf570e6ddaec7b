import { freePort } from "../../../test/helpers/net/ports.ts";
import { readTextIfExists } from "../../system/files.ts";
import { startChild, stopChild } from "../system/children.ts";
import type { Contender, Place } from "../contenders/contender.ts";
import { pinnedTo } from "../system/cores.ts";
import { answers } from "../system/answers.ts";
import { lastLine, type Run, type Target } from "./run.ts";

/** A contender that answers requests; stopped at the end of its scope. */
export interface Running extends Target, AsyncDisposable {
  readonly pid: number;
  /** Milliseconds from the start of its process until it answered a request. */
  readonly startTime: number;
  /** Path of its control socket, if it is a balance. */
  readonly controlSocket: string | undefined;
}

/** How to start a contender; most figures use the defaults. */
export interface LaunchOptions {
  /** @default {"default"} */
  readonly buffers?: "default" | "256K";
  /** Cores for taskset; `undefined` = not pinned. */
  readonly cores: string | undefined;
}

/**
 * Starts a contender in its own folder and waits until it answers a request.
 *
 * @throws {Error} with its last lines of output if it ends or does not answer within 10 seconds.
 */
export async function launch(
  run: Run,
  contender: Contender,
  options: LaunchOptions,
): Promise<Running> {
  const folder = await Deno.makeTempDir({ dir: run.folder, prefix: `${contender.name}-` });
  const port = freePort();
  const place: Place = {
    port,
    backendPort: run.backendPort,
    folder,
    buffers: options.buffers ?? "default",
    descriptors: run.descriptors,
  };
  const { command, env = {}, files = {} } = contender.start(place);
  for (const [name, text] of Object.entries(files)) {
    await Deno.writeTextFile(`${folder}/${name}`, text);
  }
  const log = `${folder}/log`;
  const start = performance.now();
  const child = startChild(pinnedTo(options.cores, command), { log, env, folder });
  let ended = false;
  child.status.then(() => ended = true);
  if (!await answers(port, () => ended)) {
    await stopChild(child);
    const text = (await readTextIfExists(log) ?? "").trim();
    const last = text.split("\n").slice(-3).join(" / ");
    throw new Error(`does not answer: ${last || "no message"}`);
  }
  return {
    name: contender.name,
    port,
    pid: child.pid,
    startTime: performance.now() - start,
    controlSocket: contender.controlSocket?.(place),
    [Symbol.asyncDispose]: () => stopChild(child),
  };
}

/** Starts several contenders; one that fails becomes a note. Stops them at the end of its scope. */
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
      run.notes.add(`${contender.name}: ${lastLine(error)}`);
    }
  }
  return { targets, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}
