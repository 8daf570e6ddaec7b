/** The live view of `top`, in the shell on a real terminal. */

import { assertEquals, assertMatch, assertNotMatch } from "@std/assert";
import { startEchoTraffic } from "../../helpers/control/echo_traffic.ts";
import { assertRestored, shellOnTerminal } from "../../helpers/control/shell_on_terminal.ts";
import { echo } from "../../helpers/net/backends.ts";
import { isAlive } from "../../helpers/program/process.ts";
import { startControlled } from "../../helpers/program/start_controlled.ts";
import type { Tmux } from "../../helpers/program/start_tmux.ts";
import { skip, t, tool, until } from "../../helpers/t.ts";

/** A number above zero as `top` prints it. */
const SOME = /(?!0\b)[\d.]+[kM]?/.source;

/** Asserts that the shell is at its prompt, with line editing and history. */
async function assertAtPrompt(terminal: Tmux): Promise<void> {
  assertEquals(await terminal.state(), { alternate: false, cursor: true });
  await terminal.type("grop 0");
  await terminal.press("Left", "Left", "Left");
  await terminal.type("u");
  await terminal.press("Enter", "Up", "Up");
  await terminal.shows(/^balance\[0\] group 0\nbalance\[0\] top$/m);
  await terminal.press("C-u");
  await terminal.type("version");
  await terminal.press("Enter");
  await terminal.shows(/^ {2}MAXCHANNELS=16\n( {2}ENGINE=\w+\n)?balance\[0\]$/m);
}

const TESTS: Record<string, () => Promise<void>> = {
  async "the view shows traffic, reacts to keys and resizing, and restores the shell"() {
    await using one = echo();
    await using other = echo();
    await using balance = await startControlled(["-f", "PORT", one.address, other.address]);
    await using terminal = await shellOnTerminal(balance);
    await terminal.type("top");
    await terminal.press("Enter");
    await terminal.shows(/^connections {2}0 open [^]*^no connections$[^]*^q quit /m);
    assertEquals(await terminal.state(), { alternate: true, cursor: false });

    await using traffic = await startEchoTraffic(balance.port, 20);
    const busy = await terminal.shows(
      new RegExp(`^connections  20 open [^]*^bytes  sent ${SOME}/s  rcvd ${SOME}/s `, "m"),
    );
    assertMatch(busy, /^> connections 1-14 of 20 by rate$/m);
    // It is updated without a key.
    const total = (screen: string) => / sent (\S+) in all/.exec(screen)?.[1];
    await until(async () => total(await terminal.screen()) !== total(busy), { everyMs: 50 });

    await terminal.press("a");
    await terminal.shows(/^> connections 1-14 of 20 by age\n.*\n {4}1 127/m);
    await terminal.press("a");
    await terminal.shows(/^> connections 1-14 of 20 by age, reversed\n.*\n {3}20 127/m);
    await terminal.press("PPage", "NPage");
    await terminal.shows(/^> connections 7-20 of 20 /m);
    await terminal.press("Up");
    await terminal.shows(/^> connections 6-19 of 20 /m);
    await terminal.press("Tab", "s");
    await terminal.shows(/^> channels 1-2 of 2 by sent$/m);

    await terminal.resize(130, 30);
    await terminal.shows(/^ {2}connections 1-20 of 20 by sent$(.*\n){22}q quit .* scroll$/m);
    await terminal.resize(40, 10);
    const small = await terminal.shows(/^CHAN ADDRESS +C SENT\/s RCVD\/s$/m);
    assertNotMatch(small, /of 20 by|in all/);
    await terminal.resize(39, 10);
    await terminal.shows(/^terminal too small\n39x10, minimum 40x8$/m);
    await terminal.resize(80, 24);
    await terminal.shows(/^ {2}connections 1-14 of 20 by sent$/m);

    await terminal.press("q");
    // The main screen is what it was.
    await terminal.shows(
      /^balance .* interactive command shell\n[^]*\nbalance\[0\] top\nbalance\[0\]$/m,
    );
    await assertAtPrompt(terminal);
    await terminal.type("quit");
    await terminal.press("Enter");
    assertEquals(await terminal.ended(), 0);
    await assertRestored(terminal);
    await traffic[Symbol.asyncDispose]();
  },

  async "Esc, ^C and ^D return to the prompt, and top can be started again"() {
    await using balance = await startControlled(["-f", "--workers", "3", "PORT", "127.0.0.1:9"]);
    await using terminal = await shellOnTerminal(balance);
    for (const key of ["Escape", "C-c", "C-d"]) {
      await terminal.type("to");
      await terminal.press("Enter");
      await terminal.shows(/ 3 workers$[^]*^q quit /m);
      await terminal.press(key);
      await terminal.shows(/^balance\[0\] to\nbalance\[0\]$/m);
      assertEquals(await terminal.state(), { alternate: false, cursor: true });
    }
    // `top` with an argument is a command.
    await terminal.type("top x");
    await terminal.press("Enter");
    await terminal.shows(/^invalid key \[x\]\nbalance\[0\]$/m);
    await terminal.press("C-d");
    assertEquals(await terminal.ended(), 0);
    await assertRestored(terminal);
  },

  async "when balance is killed, the view reports it and restores the terminal"() {
    await using balance = await startControlled(["-f", "PORT", "127.0.0.1:9"]);
    await using terminal = await shellOnTerminal(balance);
    await openView(terminal);
    await balance.stop("SIGKILL");
    assertEquals(await terminal.ended(), 69);
    await terminal.shows(/^balance\[0\] top\nconnection to master process lost, exiting\.$/m);
    await assertRestored(terminal);
  },

  async "when balance shuts down, the view ends and restores the terminal"() {
    await using balance = await startControlled(["-f", "PORT", "127.0.0.1:9"]);
    await using terminal = await shellOnTerminal(balance);
    await openView(terminal);
    await balance.stop();
    assertEquals(await terminal.ended(), 69);
    await assertRestored(terminal);
  },

  async "SIGINT leaves the view; SIGTERM restores the terminal and ends the shell"() {
    await using balance = await startControlled(["-f", "PORT", "127.0.0.1:9"]);
    await using terminal = await shellOnTerminal(balance);
    await openView(terminal);
    Deno.kill(await terminal.pid, "SIGINT");
    await terminal.shows(/^balance\[0\] top\nbalance\[0\]$/m);
    await openView(terminal);
    Deno.kill(await terminal.pid, "SIGTERM");
    assertEquals(await terminal.ended(), 143);
    await assertRestored(terminal);
  },

  async "after SIGSTOP and SIGCONT the view redraws the whole screen"() {
    await using balance = await startControlled(["-f", "PORT", "127.0.0.1:9"]);
    await using terminal = await shellOnTerminal(balance);
    await openView(terminal);
    const pid = await terminal.pid;
    Deno.kill(pid, "SIGSTOP");
    await terminal.clear();
    await terminal.shows(/^\s*$/);
    Deno.kill(pid, "SIGCONT");
    await terminal.shows(/^no connections$[^]*^q quit /m);
    assertEquals(await terminal.state(), { alternate: true, cursor: false });
    await terminal.press("q");
    await terminal.shows(/^balance\[0\] top\nbalance\[0\]$/m);
    await terminal.type("quit");
    await terminal.press("Enter");
    assertEquals(await terminal.ended(), 0);
    await assertRestored(terminal);
  },

  async "when the terminal hangs up, the view ends"() {
    await using balance = await startControlled(["-f", "PORT", "127.0.0.1:9"]);
    await using terminal = await shellOnTerminal(balance);
    await openView(terminal);
    const pid = await terminal.pid;
    await terminal.hangUp();
    await until(() => !isAlive(pid), { what: "the shell to end" });
  },
};

/** Starts the live view at the prompt. */
async function openView(terminal: Tmux): Promise<void> {
  await terminal.type("top");
  await terminal.press("Enter");
  await terminal.shows(/^q quit /m);
}

const missing = tool("tmux") === undefined
  ? "tmux is not installed"
  : Deno.build.os !== "linux"
  ? "it reads /proc"
  : undefined;
for (const [name, test] of Object.entries(TESTS)) {
  if (missing === undefined) t(name, test);
  else skip(name, missing);
}
