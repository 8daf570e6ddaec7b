import { until } from "../t.ts";
import { collect } from "./output.ts";
import { program } from "./program.ts";

/** A shell (`balance -i`) on a pipe that stays open, ended at the end of its scope. */
export interface Shell extends AsyncDisposable {
  /** What it has written so far. */
  readonly stdout: string;
  /** Writes to its stdin. */
  type(text: string): Promise<void>;
  /** Waits for text on stdout, at most 30 s. */
  waitForStdout(pattern: RegExp): Promise<void>;
  /** Closes its stdin and waits for its end. @returns Its exit code. */
  end(): Promise<number>;
}

/** Starts a shell that controls a running balance. */
export function startShell(at: { port: number; rundir: string }): Shell {
  const { command, args } = program({ cachedOnly: true, argv: ["-i"] });
  const child = new Deno.Command(command, {
    args: [...args, "-i", String(at.port)],
    env: { BALANCE_RUNDIR: at.rundir, DENO_NO_UPDATE_CHECK: "1" },
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const out = collect(child.stdout);
  const input = child.stdin.getWriter();
  let ended: Promise<number> | undefined;
  async function end(): Promise<number> {
    // It may have ended already; the test then checks its exit code.
    await input.close().catch(() => {});
    const [{ code }] = await Promise.all([child.status, out.ended]);
    return code;
  }
  return {
    get stdout() {
      return out.text();
    },
    type: (text) => input.write(new TextEncoder().encode(text)),
    async waitForStdout(pattern) {
      await until(() => pattern.test(out.text()), {
        timeoutMs: 30_000,
        what: () => `${pattern} on stdout: ${out.text()}`,
      });
    },
    end: () => ended ??= end(),
    async [Symbol.asyncDispose]() {
      await (ended ??= end());
    },
  };
}
