import { watch } from "../system/children.ts";
import { EXTRA_MS, type Load, parseLoad } from "./generator.ts";

/** The line that load.c prints at the end of its warm-up. */
const MEASURING = "measuring";

/** What an open loop sends. */
export interface OpenLoop {
  /** On 127.0.0.1. */
  readonly port: number;
  readonly connections: number;
  /** The first fifth is a warm-up. */
  readonly seconds: number;
  /** Requests per second over all connections. */
  readonly rate: number;
}

/** Called at the two ends of the measured time, while all connections are open. */
export interface Watcher {
  started(): void;
  finished(): void;
}

/**
 * Runs the load generator once with requests on schedule (kind `latency` of load/load.c).
 *
 * @param command The generator, pinned to its cores.
 * @throws {Error} if it fails, completes nothing, or still runs ten seconds after its time.
 */
export async function runOpenLoop(
  [program = "", ...args]: readonly string[],
  { port, connections, seconds, rate }: OpenLoop,
  watcher: Watcher,
): Promise<Load> {
  const signal = AbortSignal.timeout(seconds * 1000 + EXTRA_MS);
  await using child = new Deno.Command(program, {
    args: [...args, "latency", ...[port, connections, seconds, rate].map(String)],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
    signal,
  }).spawn();
  watch(child);
  const complaint = child.stderr.text();
  const result = await resultOf(child, watcher);
  await child.stdin.close().catch(() => {}); // it may have ended
  const message = (await complaint).trim();
  if (result !== undefined) return parseLoad(result);
  throw new Error(message || (signal.aborted ? "the load did not end in time" : "the load ended"));
}

/** Follows the output of a load to its result, and lets it end; `undefined` if it ends before. */
async function resultOf(child: Deno.ChildProcess, watcher: Watcher): Promise<string | undefined> {
  let text = "", isMeasuring = false;
  for await (const chunk of child.stdout.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    const [first = "", second = "", rest] = text.split("\n");
    if (!isMeasuring && first === MEASURING && text.length > first.length) {
      isMeasuring = true;
      watcher.started();
    }
    if (rest === undefined) continue;
    watcher.finished();
    return second;
  }
  return undefined;
}
