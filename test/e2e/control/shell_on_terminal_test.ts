/** The shell (`-i`) on a real terminal: prompt, line editing, history, end. */

import { assert, assertEquals } from "@std/assert";
import { assertRestored, shellOnTerminal } from "../../helpers/control/shell_on_terminal.ts";
import { VERSION } from "../../helpers/golden/golden.ts";
import { startControlled } from "../../helpers/program/start_controlled.ts";
import type { Tmux } from "../../helpers/program/start_tmux.ts";
import { skip, t, tool } from "../../helpers/t.ts";

const SIZE = { columns: 100, rows: 40 };

/** Waits until these are the last lines on the screen. @returns All lines. */
async function showsLast(terminal: Tmux, ...last: string[]): Promise<string[]> {
  const text = last.join("\n").replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&");
  return (await terminal.shows(new RegExp(`(^|\n)${text}\n*$`))).trimEnd().split("\n");
}

/** Waits for the end of the shell, and asserts its exit code and the last lines before it. */
async function endsWith(terminal: Tmux, code: number, ...last: string[]): Promise<string[]> {
  assertEquals(await terminal.ended(), code);
  const lines = await showsLast(terminal, ...last);
  await assertRestored(terminal);
  return lines;
}

if (tool("tmux") === undefined) {
  skip("-i in a terminal", "tmux is not installed");
} else {
  t("the shell has a banner, a prompt, line editing and history, and ends with ^D", async () => {
    await using balance = await startControlled(["-f", "PORT", "127.0.0.1:9"]);
    await using pane = await shellOnTerminal(balance, SIZE);
    const first = await showsLast(pane, "balance[0]");
    assertEquals(first, [
      "",
      `balance ${VERSION} interactive command shell`,
      `PID of master process is ${balance.pid}`,
      "",
      "balance[0]",
    ]);

    // A typo, corrected in the middle of the line.
    await pane.type("grop 3");
    await pane.press("Home", "Right", "Right", "Right");
    await showsLast(pane, "balance[0] grop 3");
    await pane.type("u");
    await showsLast(pane, "balance[0] group 3");
    await pane.press("Enter");
    await showsLast(pane, "balance[0] group 3", "balance[3]");

    await pane.type("disable 7x");
    await pane.press("BSpace", "Enter");
    await showsLast(pane, "balance[3] disable 7", "no such channel 7", "balance[3]");

    // History: the line before the last one, edited and run again.
    await pane.press("Up", "Up");
    await showsLast(pane, "balance[3] group 3");
    await pane.press("BSpace");
    await pane.type("1");
    await showsLast(pane, "balance[3] group 1");
    await pane.press("Enter");
    await showsLast(pane, "balance[3] group 1", "balance[1]");
    await pane.press("Up");
    await showsLast(pane, "balance[3] group 1", "balance[1] group 1");
    await pane.press("Down");
    await showsLast(pane, "balance[3] group 1", "balance[1]");

    // Completion of command names.
    await pane.type("vers");
    await pane.press("Tab");
    await showsLast(pane, "balance[1] version");
    await pane.press("C-u");
    await showsLast(pane, "balance[1]");

    await pane.type("show");
    await pane.press("Enter");
    const row =
      "  0   RR  0 ENA        127.0.0.1     9    0           0    0           0           0";
    await showsLast(pane, row, "balance[1]");

    await pane.press("C-d");
    await endsWith(pane, 0, "balance[1]");
  });

  t("quit and ^C end the shell and restore the terminal", async () => {
    await using balance = await startControlled(["-f", "PORT", "127.0.0.1:9"]);
    for (const leave of ["quit", "C-c"]) {
      await using pane = await shellOnTerminal(balance, SIZE);
      await showsLast(pane, "balance[0]");
      if (leave === "quit") await pane.type("quit");
      await pane.press(leave === "quit" ? "Enter" : leave);
      assertEquals(await pane.ended(), 0);
      await assertRestored(pane);
    }
  });

  t("kill ends balance and the shell", async () => {
    await using balance = await startControlled(["-f", "PORT", "127.0.0.1:9"]);
    await using pane = await shellOnTerminal(balance, SIZE);
    await showsLast(pane, "balance[0]");
    await pane.type("kill");
    await pane.press("Enter");
    await endsWith(pane, 0, "balance[0] kill", "shutdown complete, exiting.");
    assertEquals((await balance.ended).code, 0);
  });

  t("the shell ends with 69 at the next command after balance has ended", async () => {
    await using balance = await startControlled(["-f", "PORT", "127.0.0.1:9"]);
    await using pane = await shellOnTerminal(balance, SIZE);
    await showsLast(pane, "balance[0]");
    assertEquals((await balance.stop()).code, 0);
    await pane.type("show");
    await pane.press("Enter");
    const lines = await endsWith(pane, 69, "connection to master process lost, exiting.");
    assert(lines.length > 1);
  });
}
