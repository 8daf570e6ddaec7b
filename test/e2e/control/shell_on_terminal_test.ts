/** The shell (`-i`) on a real terminal: prompt, line editing, history, end. */

import { assert, assertEquals } from "@std/assert";
import { fakeServer } from "../../helpers/control/fake_server.ts";
import { assertRestored, shellOnTerminal } from "../../helpers/control/shell_on_terminal.ts";
import { echo } from "../../helpers/net/backends.ts";
import { connect, readExactly } from "../../helpers/net/client.ts";
import { VERSION } from "../../helpers/golden/golden.ts";
import { freePort } from "../../helpers/net/ports.ts";
import { startControlled } from "../../helpers/program/start_controlled.ts";
import type { Tmux } from "../../helpers/program/start_tmux.ts";
import { runDirectory } from "../../helpers/run_directory.ts";
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

  t("quit, exit and signals end the shell and restore the terminal", async () => {
    await using balance = await startControlled(["-f", "PORT", "127.0.0.1:9"]);
    for (const [leave, code] of [["quit", 0], ["exit", 0], ["SIGTERM", 143]] as const) {
      await using pane = await shellOnTerminal(balance, SIZE);
      await showsLast(pane, "balance[0]");
      if (leave === "SIGTERM") {
        Deno.kill(await pane.pid, "SIGQUIT");
        Deno.kill(await pane.pid, leave);
      } else {
        await pane.type(leave);
        await pane.press("Enter");
      }
      assertEquals(await pane.ended(), code);
      await assertRestored(pane);
    }
  });

  t("^C clears the line and ends nothing, also while the server is busy", async () => {
    await using balance = await startControlled(["-f", "PORT", "127.0.0.1:9"]);
    await using pane = await shellOnTerminal(balance, SIZE);
    await pane.type("disable 0");
    await pane.press("Left", "Left", "C-c");
    await showsLast(pane, "balance[0] disable 0^C", "balance[0]");
    // Nothing of it is left, and it was not run.
    await pane.type("enable 0");
    await pane.press("Enter");
    await showsLast(pane, "balance[0] enable 0", "channel 0 already enabled", "balance[0]");

    // While the server is stopped, ^C gives a prompt; the answer that comes later is dropped.
    Deno.kill(balance.pid, "SIGSTOP");
    try {
      await pane.type("version");
      await pane.press("Enter");
      await showsLast(pane, "balance[0] version");
      await pane.press("C-c");
      await showsLast(pane, "balance[0] version", "^C", "balance[0]");
    } finally {
      Deno.kill(balance.pid, "SIGCONT");
    }
    await pane.type("group 2");
    await pane.press("Enter");
    await showsLast(pane, "^C", "balance[0] group 2", "balance[2]");
    await pane.press("C-d");
    await endsWith(pane, 0, "balance[2]");
  });

  t("Tab completes commands and arguments; after a list, ^U still works", async () => {
    await using server = echo();
    await using balance = await startControlled(["-f", "PORT", server.address, "!", "127.0.0.1:9"]);
    await using client = await connect(balance.port);
    await client.send("x");
    await readExactly(client, 1);
    await using pane = await shellOnTerminal(balance, SIZE);
    await pane.type("disa");
    await pane.press("Tab");
    await pane.type("1.");
    await pane.press("Tab");
    await showsLast(pane, "balance[0] disable 1.0");
    await pane.press("Tab", "Tab", "C-u");
    await pane.type("max");
    await pane.press("Tab", "Tab", "Tab");
    await showsLast(pane, "0    0.0  1.0", "balance[0] maxc");
    await pane.press("C-u");
    await pane.type("show; close ");
    await pane.press("Tab", "Tab");
    await showsLast(pane, "1        channel", "balance[0] show; close");
    await pane.press("C-u");
    await pane.type("check 0 ag");
    await pane.press("Tab");
    await pane.type("9");
    await showsLast(pane, "balance[0] check 0 agent:9");
    await pane.press("C-u");
    await pane.type("help ass");
    await pane.press("Tab", "Enter");
    const form =
      "  assign <channel> <host> <port>   change the address of a disabled or draining channel";
    await showsLast(pane, "balance[0] help assign", form, "balance[0]");
  });

  t("history is kept between shells, for the user only, and ^R searches it", async () => {
    await using balance = await startControlled(["-f", "PORT", "127.0.0.1:9"]);
    for (const leave of ["C-d", "exit"]) {
      await using pane = await shellOnTerminal(balance, SIZE);
      if (leave === "C-d") {
        for (const line of ["maxc 0 5", "", "disable 0", "disable 0", "enable 0"]) {
          await pane.type(line);
          await pane.press("Enter");
        }
      } else {
        await pane.press("C-r");
        await pane.type("0");
        await showsLast(pane, "(reverse-i-search)`0': enable 0");
        await pane.press("C-r", "C-r");
        await showsLast(pane, "(reverse-i-search)`0': maxc 0 5");
        await pane.press("C-g");
        await showsLast(pane, "balance[0]");
        await pane.press("C-r");
        await pane.type("dis");
        await pane.press("Enter");
        await showsLast(pane, "balance[0] disable 0", "channel 0 disabled", "balance[0]");
        await pane.press("Up", "Up", "Up", "Up");
        await showsLast(pane, "balance[0] maxc 0 5");
        await pane.press("C-u");
      }
      if (leave === "exit") await pane.type("exit");
      await pane.press(leave === "exit" ? "Enter" : leave);
      assertEquals(await pane.ended(), 0);
    }
    const path = `${balance.rundir}/balance/history`;
    assertEquals(
      Deno.readTextFileSync(path),
      "maxc 0 5\ndisable 0\nenable 0\ndisable 0\nexit\n",
    );
    assertEquals((Deno.statSync(path).mode ?? 0) & 0o777, 0o600);
  });

  t("the form follows a syntax error", async () => {
    await using balance = await startControlled(["-f", "PORT", "127.0.0.1:9"]);
    await using pane = await shellOnTerminal(balance, SIZE);
    await pane.type("maxc 0; bogus; ki");
    await pane.press("Enter");
    await showsLast(
      pane,
      "syntax error",
      "usage: maxc <channel> <maxc>",
      "syntax error",
      'no such command [bogus], "help" lists the commands',
      "syntax error",
      "kill must be typed in full",
      "balance[0]",
    );
  });

  t("the shell survives answers that it does not understand", async () => {
    using directory = runDirectory();
    const rundir = directory.path, port = freePort();
    const at = { address: "0.0.0.0", port },
      hello = { version: VERSION, pid: Deno.pid, protocol: 1 };
    for (const answer of ["junk\n", "[]\n", '{"channels":[1],"connections":2}\n']) {
      await using _server = fakeServer(rundir, at, hello, answer);
      await using pane = await shellOnTerminal({ port, rundir }, SIZE);
      await pane.type("disable ");
      await pane.press("Tab");
      await pane.type("0");
      await pane.press("Enter");
      await showsLast(pane, "balance[0] disable 0", answer.trimEnd(), "balance[0]");
      await pane.type("top");
      await pane.press("Enter");
      await endsWith(pane, 69, "connection to master process lost, exiting.");
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
