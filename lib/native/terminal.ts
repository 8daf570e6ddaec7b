import { cLibrary } from "./c_library.ts";
import { readProc } from "./memory.ts";

/** Position of the terminal among the fields after the name in proc_pid_stat(5). */
const TTY = 4;

/**
 * Whether the process has a controlling terminal, which sends SIGHUP when it is closed. A service of
 * systemd and a container have none.
 */
export function hasTerminal(): boolean {
  const c = cLibrary();
  const stat = c && readProc(c, "stat");
  if (stat === undefined) {
    return [Deno.stdin, Deno.stdout, Deno.stderr].some((stream) => stream.isTerminal());
  }
  const text = new TextDecoder().decode(stat);
  return Number(text.slice(text.lastIndexOf(")") + 2).split(" ")[TTY]) !== 0;
}
