/**
 * A running balance whose channels are in a configuration file.
 *
 * @module
 */
import { talk } from "../net/control_socket.ts";
import { type Controlled, startControlled } from "../program/start_controlled.ts";
import type { StartOptions } from "../program/start_balance.ts";
import { tempDir } from "../temp_dir.ts";

/** A running balance with a configuration file. */
export interface Configured extends AsyncDisposable {
  readonly balance: Controlled;
  /** The path of the file. */
  readonly path: string;
  /** Replaces the file, a line for each argument. */
  write(...lines: string[]): void;
  /** Replaces the file and reloads. @returns The reply. */
  reload(...lines: string[]): Promise<string>;
  /** The answers to control commands. */
  control(commands: string): Promise<string>;
  /** Each channel as `show` has it: `0.1 ENA 127.0.0.1:80 c=0`. */
  show(): Promise<string[]>;
}

/** Starts it. @param options As of `startControlled()`; `argv`: more arguments. */
export async function startConfigured(
  lines: readonly string[],
  { argv = [], ...options }: StartOptions & { argv?: readonly string[] } = {},
): Promise<Configured> {
  await using undo = new AsyncDisposableStack();
  const place = undo.use(tempDir()), path = `${place.path}/web.conf`;
  const write = (...all: string[]) => Deno.writeTextFileSync(path, `${all.join("\n")}\n`);
  write(...lines);
  const all = ["-f", "--config", path, ...argv, "PORT"];
  const balance = undo.use(await startControlled(all, { expectStderr: "any", ...options }));
  const control = (commands: string) => talk(balance.socket, `${commands}\n`);
  const kept = undo.move();
  return {
    balance,
    path,
    write,
    control,
    async reload(...next) {
      write(...next);
      return (await control("reload")).trimEnd();
    },
    async show() {
      const rows = (await control("show")).trimEnd().split("\n").slice(1);
      return rows.map((row) => {
        const [group, , channel, state, address, port, c] = row.trim().split(/ +/);
        return `${group}.${channel} ${state} ${address}:${port} c=${c}`;
      });
    },
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}
