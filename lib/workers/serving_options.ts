import { EXIT, ExitError, withName } from "../base/errors.ts";
import { counted } from "../base/integers.ts";
import type { BackendOptions } from "../cli/backend_options.ts";
import type { Options } from "../cli/options.ts";
import { isPerConnection } from "../dump/file_name.ts";
import type { Endpoint } from "../base/endpoint.ts";
import { processLimits } from "../native/process.ts";
import { type LineHandle, newLine } from "../wait_line/line_memory.ts";
import type { PassiveRules } from "../schedule/verdict.ts";
import { connectionLimits, neededLimit } from "../system/capacity.ts";
import type { ServingOptions } from "./protocol.ts";

/** The wait line of `--wait`; `undefined` without it. */
export function openLine({ wait }: BackendOptions): LineHandle | undefined {
  return wait && newLine(wait.max);
}

/**
 * How connections are served.
 *
 * @param setup `at`: the address to listen on; `source`: that of `-B`; `pipes`: of each worker with
 * the epoll engine; `budget`: descriptors that are not for connections.
 * @throws {ExitError} If the descriptor limit is too low for the epoll engine.
 */
export function servingOptions(
  options: Options,
  setup: {
    at: Endpoint;
    source: string | undefined;
    line: LineHandle | undefined;
    workers: number;
    pipes: number | undefined;
    budget: number;
  },
): ServingOptions {
  const { at, source, line, workers, pipes, budget } = setup,
    { engine, backends: { wait } } = options;
  const limits = processLimits(), division = { workers, pipes, budget };
  const needed = engine === "epoll" ? neededLimit(limits, workers) : undefined;
  if (needed !== undefined) {
    const line = `the epoll engine needs at least ${needed} file descriptors for ` +
      `${counted(workers, "worker")}, but the limit is ${limits.descriptors}`;
    throw new ExitError(withName(line), EXIT.osErr);
  }
  return {
    engine,
    maxPipes: pipes,
    at,
    connection: {
      connectTimeoutMs: options.connectTimeoutS * 1000,
      idleTimeoutMs: options.idleTimeoutS * 1000,
      hashFailover: options.hashFailover,
      autoDisable: options.autoDisable,
      source,
      reportsUnreachable: options.resolveS !== 0,
      passive: passiveRules(options),
    },
    limits: connectionLimits(limits, division),
    dumpFiles: options.dump !== undefined && isPerConnection(options.dump.file),
    wait: line && wait && { line, ms: wait.ms },
  };
}

/** The rules of the command line about connects that fail. */
export function passiveRules({ autoDisable, backends: { passive, wait } }: Options): PassiveRules {
  return {
    // `-a` disables the channel; after an operator enables it, it must be used at once.
    suspects: passive !== "off" && !autoDisable,
    failures: typeof passive === "string" ? 0 : passive.failures,
    rests: wait !== undefined,
  };
}
