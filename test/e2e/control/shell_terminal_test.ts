/** The shell (`-i`) in a real terminal, made by tmux: prompt, editing, history, end. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { VERSION } from "../../helpers/golden/golden.ts";
import { program } from "../../helpers/program/program.ts";
import { runProgram } from "../../helpers/program/start_program.ts";
import { startControlled } from "../../helpers/program/start_controlled.ts";
import { skip, t, tool, until } from "../../helpers/t.ts";

const tmux = tool("tmux");

/** A terminal with a program in it, ended at the end of its scope. */
interface Terminal extends AsyncDisposable {
  /** The lines on its screen up to the last one with text. */
  screen(): Promise<string[]>;
  /** Presses keys, by their names in tmux(1) or, with `literal`, as text. */
  press(...keys: string[]): Promise<void>;
  type(text: string): Promise<void>;
  /** Waits until the last lines, without blanks at their ends, are these. @returns All lines. */
  shows(...last: string[]): Promise<string[]>;
}

async function terminal(
  argv: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<Terminal> {
  const folder = Deno.makeTempDirSync({ prefix: "balance-test-" });
  const server = ["-S", `${folder}/tmux`, "-f", "/dev/null"];
  async function run(...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await runProgram(tmux!, [...server, ...args]);
    assertEquals([code, stderr], [0, ""], args.join(" "));
    return stdout;
  }
  const quoted = argv.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(" ");
  const variables = Object.entries(env).map(([name, value]) => `${name}='${value}'`).join(" ");
  const script = `${variables} ${quoted}; echo "code $?"; ` +
    // Whether the terminal was left as it was: canonical mode with echo.
    `stty -a | grep -Eo -- '-?(icanon|echo)( |;)' | tr -d '\\n;'; echo; exec sleep 1000`;
  await run("new-session", "-d", "-x", "100", "-y", "40", "/bin/sh", "-c", script);

  async function screen(): Promise<string[]> {
    return (await run("capture-pane", "-p")).trimEnd().split("\n");
  }
  return {
    screen,
    press: async (...keys) => void await run("send-keys", ...keys),
    type: async (text) => void await run("send-keys", "-l", "--", text),
    async shows(...last) {
      let lines: string[] = [];
      await until(async () => {
        lines = await screen();
        return lines.slice(-last.length).join("\n") === last.join("\n");
      }, { everyMs: 20, what: () => `${last.join("|")} below\n${lines.join("\n")}` });
      return lines;
    },
    async [Symbol.asyncDispose]() {
      await run("kill-server");
      Deno.removeSync(folder, { recursive: true });
    },
  };
}

async function shellIn(balance: { port: number; rundir: string }): Promise<Terminal> {
  const { command, args } = program({ cachedOnly: true });
  return await terminal([command, ...args, "-i", String(balance.port)], {
    BALANCE_RUNDIR: balance.rundir,
    DENO_NO_UPDATE_CHECK: "1",
  });
}

/** What is on the screen when the shell has ended in order. */
const ENDED = ["code 0", "icanon echo"];

if (tmux === undefined) {
  skip("-i in a terminal", "tmux is not installed");
} else {
  t("-i in a terminal has banner, prompt, editing and history, and ends with ^D", async () => {
    await using balance = await startControlled(["-f", "PORT", "127.0.0.1:9"]);
    await using pane = await shellIn(balance);
    const first = await pane.shows("balance[0]");
    assertEquals(first, [
      "",
      `balance ${VERSION} interactive command shell`,
      `PID of master process is ${balance.pid}`,
      "",
      "balance[0]",
    ]);

    // A typing error, mended in the middle of the line.
    await pane.type("grop 3");
    await pane.press("Home", "Right", "Right", "Right");
    await pane.shows("balance[0] grop 3");
    await pane.type("u");
    await pane.shows("balance[0] group 3");
    await pane.press("Enter");
    await pane.shows("balance[0] group 3", "balance[3]");

    await pane.type("disable 7x");
    await pane.press("BSpace", "Enter");
    await pane.shows("balance[3] disable 7", "no such channel 7", "balance[3]");

    // History: the line before last, then edited and run again.
    await pane.press("Up", "Up");
    await pane.shows("balance[3] group 3");
    await pane.press("BSpace");
    await pane.type("1");
    await pane.shows("balance[3] group 1");
    await pane.press("Enter");
    await pane.shows("balance[3] group 1", "balance[1]");
    await pane.press("Up");
    await pane.shows("balance[3] group 1", "balance[1] group 1");
    await pane.press("Down");
    await pane.shows("balance[3] group 1", "balance[1]");

    // Completion of names.
    await pane.type("vers");
    await pane.press("Tab");
    await pane.shows("balance[1] version");
    await pane.press("C-u");
    await pane.shows("balance[1]");

    await pane.type("show");
    await pane.press("Enter");
    const row =
      "  0   RR  0 ENA        127.0.0.1     9    0           0    0           0           0";
    await pane.shows(row, "balance[1]");

    await pane.press("C-d");
    const last = await pane.shows("icanon echo");
    assertEquals(last.slice(-3), ["balance[1]", ...ENDED]);
  });

  t("quit and ^C leave the terminal as it was", async () => {
    await using balance = await startControlled(["-f", "PORT", "127.0.0.1:9"]);
    for (const leave of ["quit", "C-c"]) {
      await using pane = await shellIn(balance);
      await pane.shows("balance[0]");
      if (leave === "quit") await pane.type("quit");
      await pane.press(leave === "quit" ? "Enter" : leave);
      const lines = await pane.shows("icanon echo");
      assertMatch(lines.at(-2) ?? "", /code 0$/);
    }
  });

  t("kill in a terminal ends the program and the shell", async () => {
    await using balance = await startControlled(["-f", "PORT", "127.0.0.1:9"]);
    await using pane = await shellIn(balance);
    await pane.shows("balance[0]");
    await pane.type("kill");
    await pane.press("Enter");
    const lines = await pane.shows("icanon echo");
    assertEquals(lines.slice(-4), [
      "balance[0] kill",
      "shutdown complete, exiting.",
      ...ENDED,
    ]);
    assertEquals((await balance.ended).code, 0);
  });

  t("a master that goes away is noticed at the next command", async () => {
    await using balance = await startControlled(["-f", "PORT", "127.0.0.1:9"]);
    await using pane = await shellIn(balance);
    await pane.shows("balance[0]");
    assertEquals((await balance.stop()).code, 0);
    await pane.type("show");
    await pane.press("Enter");
    const lines = await pane.shows("icanon echo");
    assertEquals(lines.slice(-3, -1), [
      "connection to master process lost, exiting.",
      "code 69",
    ]);
    assert(lines.length > 3);
  });
}
