import { assertEquals, assertMatch } from "@std/assert";
import { program } from "../program/program.ts";
import { startTmux, type Tmux } from "../program/start_tmux.ts";
import { until } from "../t.ts";

/**
 * Starts a shell (`balance -i`) on a terminal, and waits for its prompt. Its history is
 * `balance/history` in the run directory.
 */
export async function shellOnTerminal(
  balance: { port: number; rundir: string },
  size: { columns?: number; rows?: number } = {},
): Promise<Tmux> {
  const { command, args } = program({ cachedOnly: true, argv: ["-i"] });
  const terminal = await startTmux([command, ...args, "-i", String(balance.port)], {
    ...size,
    env: {
      BALANCE_RUNDIR: balance.rundir,
      XDG_STATE_HOME: balance.rundir,
      DENO_NO_UPDATE_CHECK: "1",
    },
  });
  try {
    await terminal.shows(/^balance\[0\]$/m);
    return terminal;
  } catch (error) {
    await terminal[Symbol.asyncDispose]();
    throw error;
  }
}

/** Asserts that a program that has ended left its terminal as it found it. */
export async function assertRestored(terminal: Tmux): Promise<void> {
  // tmux may still be reading the last output of the program.
  await until(async () => {
    const { alternate, cursor } = await terminal.state();
    return !alternate && cursor;
  }, { what: "the main screen with a cursor" });
  const { before, after } = terminal.settings();
  assertMatch(before, /^[\da-f:]+\n$/);
  assertEquals(after, before);
}
