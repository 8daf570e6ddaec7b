import { processTree } from "./proc.ts";

/** Children that must not outlive this program. */
const running = new Set<Deno.ChildProcess>();

/** Raises the limit of open files to the hard limit, then runs the command with output to a file. */
const WRAPPER = 'ulimit -S -n "$(ulimit -H -n)"; log=$1; shift; exec "$@" >"$log" 2>&1';

/**
 * Starts a command that runs until it is stopped. Its output goes to a file, so that it never
 * blocks on a pipe. {@link killAll} stops it at the latest.
 */
export function startChild(
  command: readonly string[],
  options: { log: string; env?: Readonly<Record<string, string>>; folder?: string },
): Deno.ChildProcess {
  const child = new Deno.Command("sh", {
    args: ["-c", WRAPPER, "sh", options.log, ...command],
    env: { ...options.env },
    stdin: "null",
    stdout: "null",
    stderr: "null",
    ...(options.folder === undefined ? {} : { cwd: options.folder }),
  }).spawn();
  watch(child);
  return child;
}

/** Stops a child and all its descendants, and waits for it. */
export async function stopChild(child: Deno.ChildProcess): Promise<void> {
  killTree(child);
  await child.status;
}

/** Kills every running child; for every way this program ends. */
export function killAll(): void {
  for (const child of running) killTree(child);
}

/** Lets {@link killAll} kill a child. */
export function watch(child: Deno.ChildProcess): void {
  running.add(child);
  child.status.finally(() => running.delete(child));
}

function killTree(child: Deno.ChildProcess): void {
  if (!running.has(child)) return;
  for (const pid of processTree(child.pid)) {
    try {
      Deno.kill(pid, "SIGKILL");
    } catch { /* it has ended */ }
  }
}
