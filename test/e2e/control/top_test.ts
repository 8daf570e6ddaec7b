/** `top` on a real terminal, and as one frame without one. */

import { assert, assertEquals, assertMatch, assertNotMatch } from "@std/assert";
import { VERSION } from "../../../lib/base/version.ts";
import { echo } from "../../helpers/net/backends.ts";
import { type Client, connect, readExactly } from "../../helpers/net/client.ts";
import { talk } from "../../helpers/net/control_socket.ts";
import { program, WORKERS } from "../../helpers/program/program.ts";
import { runBalance } from "../../helpers/program/start_balance.ts";
import { type Controlled, startControlled } from "../../helpers/program/start_controlled.ts";
import { startShell } from "../../helpers/program/start_shell.ts";
import { startTmux, type Tmux } from "../../helpers/program/start_tmux.ts";
import { skip, t, tool, until } from "../../helpers/t.ts";

/** Connections that say something to an echo all the time, until the end of their scope. */
async function chatter(port: number, count: number): Promise<AsyncDisposable> {
  const clients: Client[] = [];
  let over = false;
  async function talkOn(client: Client, bytes: number): Promise<void> {
    const data = new Uint8Array(bytes);
    while (!over) {
      await client.send(data);
      await readExactly(client, bytes);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
  const talking: Promise<void>[] = [];
  for (let i = 0; i < count; i++) {
    const client = await connect(port);
    clients.push(client);
    // The last ones have most to say.
    talking.push(talkOn(client, 100 * (i + 1)));
  }
  return {
    async [Symbol.asyncDispose]() {
      over = true;
      await Promise.allSettled(talking);
      for (const client of clients) await client.close();
    },
  };
}

/** A number as `top` writes it, above zero. */
const SOME = /(?!0\b)[\d.]+[kM]?/.source;

t("balance -c top prints one frame of the traffic of a second", async () => {
  await using one = echo();
  await using other = echo();
  await using balance = await startControlled(["-f", "PORT", one.address, other.address]);
  await using _traffic = await chatter(balance.port, 5);
  const { code, stdout, stderr } = await runBalance(["-c", "top sent", "PORT"], {
    port: balance.port,
    rundir: balance.rundir,
  });
  assertEquals([code, stderr], [0, ""]);
  const lines = stdout.split("\n");
  assertEquals(lines.length, 25);
  assert(lines.every((line) => line.length <= 80), stdout);
  const several = WORKERS > 1 ? `  ${WORKERS} workers` : "";
  const head =
    `^balance ${VERSION}  0\\.0\\.0\\.0:${balance.port}  up .*  pid ${balance.pid}${several}$`;
  assertMatch(lines[0]!, new RegExp(head));
  assertMatch(
    lines[1]!,
    /^connections {2}5 open {2}0\/s {2}0 dialing {2}0 half-closed {2}5 in all$/,
  );
  assertMatch(lines[2]!, new RegExp(`^bytes  sent ${SOME}/s  rcvd ${SOME}/s `));
  assertEquals(lines[3], "channels 1-2 of 2 by sent");
  const channel = `^0\\.[01]  ENA 127\\.0\\.0\\.1:\\d+ +[23] +- +0 +${SOME} +${SOME} +[23] `;
  assertMatch(lines[5]!, new RegExp(channel));
  assertEquals(lines[7], "connections 1-5 of 5 by sent");
  // The last one said most; several workers number those that come together in any order.
  const most = WORKERS > 1
    ? "[1-5] 127\\.0\\.0\\.1:\\d+ +0\\.[01]"
    : "5 127\\.0\\.0\\.1:\\d+ +0\\.0";
  assertMatch(lines[9]!, new RegExp(`^ +${most} +open +\\ds +0s +${SOME} `));
});

t("top by hand and in a shell on a pipe prints one frame; the session goes on", async () => {
  await using balance = await startControlled(["-f", "--workers", "3", "PORT", "127.0.0.1:9"]);
  const byHand = await talk(balance.socket, "top\nversion\n");
  assertMatch(byHand, /^balance .* {2}3 workers\nconnections {2}0 open [^]*\nno connections\n/);
  assertMatch(byHand, /\n {2}This is balance /);
  await using shell = startShell(balance);
  await shell.type("top age\ntop x\n");
  await shell.waitForStdout(/invalid key \[x\]\nbalance\[0\] $/);
  assertMatch(shell.stdout, /\nbalance\[0\] balance \d[^]*\nno connections\n/);
  assert(!shell.stdout.includes("\x1b"), JSON.stringify(shell.stdout));
  assertEquals(await shell.end(), 0);
});

t("top sees the connections of all workers", async () => {
  await using server = echo();
  await using balance = await startControlled(["-f", "--workers", "3", "PORT", server.address]);
  await using _traffic = await chatter(balance.port, 9);
  const frame = await talk(balance.socket, "top age\n");
  assertMatch(frame, /^connections {2}9 open /m);
  assertMatch(
    frame,
    new RegExp(`^0\\.0  ENA 127\\.0\\.0\\.1:\\d+ +9 +- +0 +${SOME} +${SOME} `, "m"),
  );
  const rows = frame.split("\n").filter((line) => / open +\d+s /.test(line));
  assertEquals(rows.map((line) => Number(line.trim().split(" ")[0])), [1, 2, 3, 4, 5, 6, 7, 8, 9]);
  for (const row of rows) assertMatch(row, new RegExp(` 0s +${SOME} +${SOME} `));
});

/** A shell on a terminal, at its prompt. */
async function shellOnTerminal(balance: Controlled): Promise<Tmux> {
  const { command, args } = program({ cachedOnly: true });
  const terminal = await startTmux([command, ...args, "-i", String(balance.port)], {
    env: { BALANCE_RUNDIR: balance.rundir, DENO_NO_UPDATE_CHECK: "1" },
  });
  try {
    await terminal.shows(/^balance\[0\]$/m);
    return terminal;
  } catch (error) {
    await terminal[Symbol.asyncDispose]();
    throw error;
  }
}

/** Asserts that the shell is at its prompt, edits lines, and knows what was typed before. */
async function worksAsBefore(terminal: Tmux): Promise<void> {
  assertEquals(await terminal.state(), { alternate: false, cursor: true });
  await terminal.type("grop 0");
  await terminal.press("Left", "Left", "Left");
  await terminal.type("u");
  await terminal.press("Enter", "Up", "Up");
  await terminal.shows(/^balance\[0\] group 0\nbalance\[0\] top$/m);
  await terminal.press("C-u");
  await terminal.type("version");
  await terminal.press("Enter");
  await terminal.shows(/^ {2}MAXCHANNELS=16\nbalance\[0\]$/m);
}

/** Asserts that a program has left its terminal as it found it. */
async function restored(terminal: Tmux): Promise<void> {
  assertEquals(await terminal.state(), { alternate: false, cursor: true });
  const { before, after } = terminal.settings();
  assertMatch(before, /^[\da-f:]+\n$/);
  assertEquals(after, before);
}

const STORIES: Record<string, () => Promise<void>> = {
  async "the view shows traffic, follows keys and sizes, and leaves the shell as it was"() {
    await using one = echo();
    await using other = echo();
    await using balance = await startControlled(["-f", "PORT", one.address, other.address]);
    await using terminal = await shellOnTerminal(balance);
    await terminal.type("top");
    await terminal.press("Enter");
    await terminal.shows(/^connections {2}0 open [^]*^no connections$[^]*^q quit /m);
    assertEquals(await terminal.state(), { alternate: true, cursor: false });

    await using traffic = await chatter(balance.port, 20);
    const busy = await terminal.shows(
      new RegExp(`^connections  20 open [^]*^bytes  sent ${SOME}/s  rcvd ${SOME}/s `, "m"),
    );
    assertMatch(busy, /^> connections 1-14 of 20 by rate$/m);
    // It goes on without a key.
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
    await terminal.shows(/^terminal too small\n39x10 of 40x8$/m);
    await terminal.resize(80, 24);
    await terminal.shows(/^ {2}connections 1-14 of 20 by sent$/m);

    await terminal.press("q");
    // The main screen is what it was.
    await terminal.shows(
      /^balance .* interactive command shell\n[^]*\nbalance\[0\] top\nbalance\[0\]$/m,
    );
    await worksAsBefore(terminal);
    await terminal.type("quit");
    await terminal.press("Enter");
    assertEquals(await terminal.ended(), 0);
    await restored(terminal);
    await traffic[Symbol.asyncDispose]();
  },

  async "Esc and ^C lead back to the prompt, and top can be entered again"() {
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
    // What asks for something else is a command.
    await terminal.type("top x");
    await terminal.press("Enter");
    await terminal.shows(/^invalid key \[x\]\nbalance\[0\]$/m);
    await terminal.press("C-d");
    assertEquals(await terminal.ended(), 0);
    await restored(terminal);
  },

  async "when the balance is killed, the view says so and gives the terminal back"() {
    await using balance = await startControlled(["-f", "PORT", "127.0.0.1:9"]);
    await using terminal = await shellOnTerminal(balance);
    await openView(terminal);
    await balance.stop("SIGKILL");
    assertEquals(await terminal.ended(), 69);
    await terminal.shows(/^balance\[0\] top\nconnection to master process lost, exiting\.$/m);
    await restored(terminal);
  },

  async "when the balance shuts down, the view ends"() {
    await using balance = await startControlled(["-f", "PORT", "127.0.0.1:9"]);
    await using terminal = await shellOnTerminal(balance);
    await openView(terminal);
    await balance.stop();
    assertEquals(await terminal.ended(), 69);
    await restored(terminal);
  },

  async "SIGTERM gives the terminal back before it ends the shell; SIGINT leaves the view"() {
    await using balance = await startControlled(["-f", "PORT", "127.0.0.1:9"]);
    await using terminal = await shellOnTerminal(balance);
    await openView(terminal);
    Deno.kill(await terminal.pid, "SIGINT");
    await terminal.shows(/^balance\[0\] top\nbalance\[0\]$/m);
    await openView(terminal);
    Deno.kill(await terminal.pid, "SIGTERM");
    assertEquals(await terminal.ended(), 143);
    await restored(terminal);
  },

  async "a program that was stopped and goes on draws all of its screen again"() {
    await using balance = await startControlled(["-f", "PORT", "127.0.0.1:9"]);
    await using terminal = await shellOnTerminal(balance);
    await openView(terminal);
    const pid = await terminal.pid;
    Deno.kill(pid, "SIGSTOP");
    Deno.kill(pid, "SIGCONT");
    await terminal.shows(/^no connections$[^]*^q quit /m);
    await terminal.press("q");
    await terminal.shows(/^balance\[0\] top\nbalance\[0\]$/m);
    await terminal.type("quit");
    await terminal.press("Enter");
    assertEquals(await terminal.ended(), 0);
    await restored(terminal);
  },

  async "when the terminal goes away, the view ends with it"() {
    await using balance = await startControlled(["-f", "PORT", "127.0.0.1:9"]);
    await using terminal = await shellOnTerminal(balance);
    await openView(terminal);
    const pid = await terminal.pid;
    await terminal.hangUp();
    await until(() => !runs(pid), { what: "the end of the shell" });
  },
};

/** Enters the live view from the prompt. */
async function openView(terminal: Tmux): Promise<void> {
  await terminal.type("top");
  await terminal.press("Enter");
  await terminal.shows(/^q quit /m);
}

/** Whether a process exists and is more than a zombie. */
function runs(pid: number): boolean {
  try {
    return !/^\d+ \(.*\) Z/.test(Deno.readTextFileSync(`/proc/${pid}/stat`));
  } catch {
    return false;
  }
}

const missing = tool("tmux") === undefined
  ? "tmux is not installed"
  : Deno.build.os !== "linux"
  ? "it looks into /proc"
  : undefined;
for (const [name, story] of Object.entries(STORIES)) {
  if (missing === undefined) t(name, story);
  else skip(name, missing);
}
