/**
 * Starts the program with a command prefix: as another user, with few descriptors, in its own
 * namespaces. At the end of its scope it is stopped and its output is checked for stack traces.
 *
 * @module
 */
import { cpuSeconds } from "../../helpers/program/process.ts";
import { collect } from "../../helpers/program/output.ts";
import { program } from "../../helpers/program/program.ts";
import { runProgram } from "../../helpers/program/start_program.ts";
import { listensOn } from "../../helpers/net/tcp_sockets.ts";
import { skip, until, within, withTools } from "../../helpers/t.ts";

/** Output of a crash. */
export const CRASH = /Uncaught|panicked|internal error|unhandled|^\s+at .*(file:|ext:|\.ts:)/im;

/** How the program ended. */
export interface EndedWith {
  readonly code: number;
  readonly signal: Deno.Signal | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A started program. */
export interface Started extends AsyncDisposable {
  readonly pid: number;
  readonly rundir: string;
  readonly stdout: string;
  readonly stderr: string;
  readonly ended: Promise<EndedWith>;
  kill(signal: Deno.Signal): void;
  /** Number of open descriptors. */
  fds(): number;
  /** Resident memory in bytes. */
  rss(): number;
  /** Seconds of CPU time so far. */
  cpuS(): number;
  /** Waits until the program listens on a port. */
  listening(port: number): Promise<void>;
}

/** Options of {@linkcode startWith}. */
export interface StartWithOptions {
  /** Put before the command; ends in `exec "$@"` or the like, so that the process stays the same. */
  readonly prefix?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** BALANCE_RUNDIR; `null` for none. @default {a new folder, removed at the end} */
  readonly rundir?: string | null;
  readonly cwd?: string;
}

/** A prefix that runs a shell command before the program, in the same process. */
export function shell(line: string): string[] {
  return ["/bin/sh", "-c", `${line}; exec "$@"`, "sh"];
}

/** User and group ID of nobody. */
export const NOBODY = 65534;

/**
 * A prefix that runs the program as user nobody. It may read every file, so that it finds source and
 * caches in a closed home directory.
 */
export const AS_NOBODY: readonly string[] = [
  "setpriv",
  `--reuid=${NOBODY}`,
  `--regid=${NOBODY}`,
  "--clear-groups",
  "--no-new-privs",
  "--inh-caps=-all,+dac_read_search",
  "--ambient-caps=-all,+dac_read_search",
  "--bounding-set=-all,+dac_read_search",
];

/** Whether a command succeeds here: containers often forbid what root may do. */
export function canRun(command: string, args: readonly string[]): boolean {
  try {
    return new Deno.Command(command, { args: [...args], stdout: "null", stderr: "null" })
      .outputSync().success;
  } catch {
    return false;
  }
}

/** Whether {@linkcode AS_NOBODY} works: it needs root. */
export const canBeNobody: boolean = Deno.uid() === 0 &&
  canRun(AS_NOBODY[0]!, [...AS_NOBODY.slice(1), "true"]);

/** Registers a test that needs root and {@linkcode AS_NOBODY}; skips it with the reason. */
export function withNobody(
  name: string,
  fn: () => Promise<void>,
  { tools = [] }: { tools?: readonly string[] } = {},
): void {
  if (canBeNobody) withTools(tools, name, fn);
  else skip(name, "needs root, and setpriv to be another user");
}

/** Whether mount and network namespaces can be created. */
export const canUnshare: boolean = Deno.uid() === 0 &&
  canRun("unshare", ["-m", "-n", "/bin/sh", "-c", "mount -t tmpfs none /mnt && ip link set lo up"]);

/**
 * Copies the npm cache to a folder that {@linkcode AS_NOBODY} may enter.
 *
 * @returns The environment for the program; the folder is removed at the end of the scope.
 */
export async function cacheForNobody(): Promise<
  { env: Record<string, string> } & AsyncDisposable
> {
  const info = await runProgram(Deno.execPath(), ["info", "--json"]);
  const { npmCache } = JSON.parse(info.stdout);
  const folder = await Deno.makeTempDir({ prefix: "balance-test-" });
  await Deno.chmod(folder, 0o755);
  const { code, stderr } = await runProgram("cp", ["-r", npmCache, `${folder}/npm`]);
  if (code !== 0) throw new Error(`Cannot copy ${npmCache}: ${stderr}`);
  return {
    env: { DENO_DIR: folder },
    [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }),
  };
}

/** Starts the program; it may end by itself, see `ended`. */
export function startWith(argv: readonly string[], options: StartWithOptions = {}): Started {
  const { command, args } = program({ cachedOnly: true, argv });
  const [first = command, ...rest] = [...options.prefix ?? [], command, ...args, ...argv];
  const own = options.rundir === undefined
    ? Deno.makeTempDirSync({ prefix: "balance-test-" })
    : undefined;
  const rundir = own ?? options.rundir ?? "";
  const child = new Deno.Command(first, {
    args: rest,
    env: {
      ...(rundir === "" ? {} : { BALANCE_RUNDIR: rundir }),
      DENO_NO_UPDATE_CHECK: "1",
      NO_COLOR: "1",
      ...options.env,
    },
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const out = collect(child.stdout), err = collect(child.stderr);
  let running = true;
  async function wait(): Promise<EndedWith> {
    const { code, signal } = await child.status;
    running = false;
    await Promise.all([out.ended, err.ended]);
    return { code, signal, stdout: out.text(), stderr: err.text() };
  }
  const ended = wait();
  const proc = (file: string) => Deno.readTextFileSync(`/proc/${child.pid}/${file}`);
  return {
    pid: child.pid,
    rundir,
    get stdout() {
      return out.text();
    },
    get stderr() {
      return err.text();
    },
    ended,
    kill(signal) {
      if (running) child.kill(signal);
    },
    fds: () => [...Deno.readDirSync(`/proc/${child.pid}/fd`)].length,
    rss: () => Number(/^VmRSS:\s+(\d+)/m.exec(proc("status"))?.[1]) * 1024,
    cpuS: () => cpuSeconds(child.pid),
    async listening(port) {
      await until(() => !running || listensOn(port, child.pid), {
        timeoutMs: 20_000,
        what: () => `port ${port}; stderr: ${err.text()}`,
      });
      if (!running) throw new Error(`It ended before it listened: ${err.text()}`);
    },
    async [Symbol.asyncDispose]() {
      if (running) child.kill("SIGTERM");
      try {
        await within(ended, { timeoutMs: 10_000, what: "the program to end" });
      } finally {
        if (running) child.kill("SIGKILL");
        await ended;
        if (own !== undefined) await Deno.remove(own, { recursive: true });
      }
      const { stderr } = await ended;
      if (CRASH.test(stderr)) throw new Error(`It crashed: ${stderr}`);
    },
  };
}

/** Runs the program to its end. @throws {Error} After `timeoutMs` (default 20000). */
export async function runWith(
  argv: readonly string[],
  options: StartWithOptions & { timeoutMs?: number } = {},
): Promise<EndedWith> {
  await using started = startWith(argv, options);
  return await within(started.ended, {
    timeoutMs: options.timeoutMs ?? 20_000,
    what: `balance ${argv.join(" ")} to end`,
    onTimeout: () => started.kill("SIGKILL"),
  });
}
