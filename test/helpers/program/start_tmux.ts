/**
 * A real terminal for programs that need one: tmux in the background.
 *
 * @module
 */
import { tool, until } from "../t.ts";
import { runProgram } from "./start_program.ts";

/** A program in a terminal, which is closed at the end of its scope. */
export interface Tmux extends AsyncDisposable {
  /** The text on the screen, without blanks at the ends of lines. */
  screen(): Promise<string>;
  /** The same with the escape sequences of its colors and attributes (SGR). */
  looks(): Promise<string>;
  /** Waits until the screen matches. @returns The text on it. */
  shows(pattern: RegExp): Promise<string>;
  /** Presses keys, by their names in tmux(1) such as `Up`, `C-c`, `Enter` or `q`. */
  press(...keys: string[]): Promise<void>;
  /** Types text. */
  type(text: string): Promise<void>;
  resize(columns: number, rows: number): Promise<void>;
  /** Clears the screen, unnoticed by the program. */
  clear(): Promise<void>;
  /** Whether it is on the alternate screen, and whether its cursor is shown. */
  state(): Promise<{ alternate: boolean; cursor: boolean }>;
  /** Process id of the program. */
  readonly pid: Promise<number>;
  /** Waits for the end of the program. @returns Its exit code. */
  ended(): Promise<number>;
  /** Settings of the terminal (`stty -g`) before and, once it has ended, after the program. */
  settings(): { before: string; after: string };
  /** Hangs up the terminal, as a lost ssh connection does. */
  hangUp(): Promise<void>;
}

/** What runs in the terminal: the program, between two calls of stty. ^C does not end the shell. */
const AROUND = 'trap : INT; stty -g >"$0/before"; "$@"; code=$?; stty -g >"$0/after"; ' +
  'printf %s "$code" >"$0/code.new"; mv "$0/code.new" "$0/code"; exec cat';

/**
 * Starts a program in a new terminal.
 *
 * @param command The program and its arguments.
 * @param options Size of the terminal (default 80x24); `env` is added to the environment.
 */
export async function startTmux(
  command: readonly string[],
  options: { columns?: number; rows?: number; env?: Record<string, string> } = {},
): Promise<Tmux> {
  const { columns = 80, rows = 24, env = {} } = options;
  const path = tool("tmux");
  if (path === undefined) throw new Error("tmux is not installed");
  const folder = Deno.makeTempDirSync({ prefix: "balance-test-" });
  const variables = Object.entries(env).map(([name, value]) => `${name}=${value}`);
  async function tmux(...args: string[]): Promise<string> {
    const all = [...variables, path!, "-S", `${folder}/socket`, "-f", "/dev/null", ...args];
    const { code, stdout, stderr } = await runProgram("/usr/bin/env", all);
    if (code !== 0) throw new Error(`tmux ${args[0]}: code ${code}: ${stderr}`);
    return stdout;
  }
  const size = ["-x", String(columns), "-y", String(rows)];
  await tmux("new-session", "-d", ...size, "sh", "-c", AROUND, folder, ...command);
  const read = (name: string) => {
    try {
      return Deno.readTextFileSync(`${folder}/${name}`);
    } catch {
      return "";
    }
  };
  async function screen(): Promise<string> {
    const lines = (await tmux("capture-pane", "-p")).split("\n");
    return lines.map((line) => line.trimEnd()).join("\n");
  }
  async function child(): Promise<number> {
    const shell = Number(await tmux("display-message", "-p", "#{pane_pid}"));
    return await until(() => {
      const children = Deno.readTextFileSync(`/proc/${shell}/task/${shell}/children`);
      return Number(children.trim().split(" ").at(-1));
    }, { what: "a program in the terminal" });
  }
  let open = true;
  async function hangUp(): Promise<void> {
    if (open) await tmux("kill-server");
    open = false;
  }
  return {
    screen,
    looks: () => tmux("capture-pane", "-p", "-e"),
    async shows(pattern) {
      let last = "";
      return await until(async () => pattern.test(last = await screen()) && last, {
        timeoutMs: 30_000,
        everyMs: 50,
        what: () => `${pattern} on a screen that shows:\n${last}`,
      });
    },
    press: async (...keys) => void await tmux("send-keys", ...keys),
    type: async (text) => void await tmux("send-keys", "-l", text),
    resize: async (x, y) => void await tmux("resize-window", "-x", String(x), "-y", String(y)),
    clear: async () => void await tmux("send-keys", "-R"),
    async state() {
      const flags = await tmux("display-message", "-p", "#{alternate_on}#{cursor_flag}");
      return { alternate: flags[0] === "1", cursor: flags[1] === "1" };
    },
    get pid() {
      return child();
    },
    async ended() {
      return Number(await until(() => read("code"), { timeoutMs: 30_000, what: "its end" }));
    },
    settings: () => ({ before: read("before"), after: read("after") }),
    hangUp,
    async [Symbol.asyncDispose]() {
      await hangUp();
      await Deno.remove(folder, { recursive: true });
    },
  };
}
