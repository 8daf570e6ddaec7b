import { later, until, within } from "../t.ts";
import { collect } from "./output.ts";
import { program } from "./program.ts";

/** Control commands (`balance -c`) that are running, ended at the end of their scope. */
export interface RunningCommands extends AsyncDisposable {
  /** What has been printed so far. */
  readonly stdout: string;
  /** Waits until stdout is this text, at most 30 s. */
  printed(text: string): Promise<void>;
  /** Waits for the end, at most 30 s. @returns The exit code; 128 + n if signal n ended it. */
  ended(): Promise<number>;
  kill(signal: Deno.Signal): void;
}

/** Starts control commands. @param options `strict`: with `--strict`. */
export function startCommands(
  at: { port: number; rundir: string },
  text: string,
  { strict = false }: { strict?: boolean } = {},
): RunningCommands {
  const argv = [...(strict ? ["--strict"] : []), "-c", text, String(at.port)];
  const { command, args } = program({ cachedOnly: true, argv });
  const child = new Deno.Command(command, {
    args: [...args, ...argv],
    env: { BALANCE_RUNDIR: at.rundir, DENO_NO_UPDATE_CHECK: "1" },
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const out = collect(child.stdout);
  let running = true;
  const status = later(child.status.finally(() => running = false));
  const kill = (signal: Deno.Signal) => running && child.kill(signal);
  return {
    get stdout() {
      return out.text();
    },
    async printed(text) {
      await until(() => out.text() === text, {
        timeoutMs: 30_000,
        what: () => `${JSON.stringify(text)} on stdout: ${JSON.stringify(out.text())}`,
      });
    },
    async ended() {
      const { code } = await within(status, {
        timeoutMs: 30_000,
        what: `the end of -c [${text}]`,
        onTimeout: () => kill("SIGKILL"),
      });
      await out.ended;
      return code;
    },
    kill,
    async [Symbol.asyncDispose]() {
      kill("SIGKILL");
      await status;
      await out.ended;
    },
  };
}
