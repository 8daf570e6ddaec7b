import { processTree } from "./proc.ts";

const running = new Set<Deno.ChildProcess>();

/** Raises the limit of open files as far as allowed, then becomes the command; output to a file. */
const WRAPPER = 'ulimit -S -n "$(ulimit -H -n)"; log=$1; shift; exec "$@" >"$log" 2>&1';

/**
 * Starts a command that runs until it is stopped. Its output goes to a file, so that it never
 * blocks on a pipe. It does not outlive this program: see {@link killAll}.
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
  return watched(child);
}

/** Runs a command to its end and returns what it printed; killed after `milliseconds`. */
export async function runChild(
  command: readonly string[],
  options: { milliseconds: number },
): Promise<{ ok: boolean; stdout: string; stderr: string }> {
  const [program = "", ...args] = command;
  const child = watched(
    new Deno.Command(program, { args, stdin: "null", stdout: "piped", stderr: "piped" }).spawn(),
  );
  const timer = setTimeout(() => killTree(child), options.milliseconds);
  try {
    const { success, stdout, stderr } = await child.output();
    const decoder = new TextDecoder();
    return { ok: success, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
  } finally {
    clearTimeout(timer);
  }
}

/** Ends a child and everything it started, and waits for it. */
export async function stopChild(child: Deno.ChildProcess): Promise<void> {
  killTree(child);
  await child.status;
}

/** Ends every child that is still there; for all ways out of the program. */
export function killAll(): void {
  for (const child of running) killTree(child);
}

function watched(child: Deno.ChildProcess): Deno.ChildProcess {
  running.add(child);
  child.status.finally(() => running.delete(child));
  return child;
}

function killTree(child: Deno.ChildProcess): void {
  if (!running.has(child)) return;
  for (const pid of processTree(child.pid)) {
    try {
      Deno.kill(pid, "SIGKILL");
    } catch { /* it ended by itself */ }
  }
}
