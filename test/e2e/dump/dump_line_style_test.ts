// deno-lint-ignore-file no-control-regex
/** Two clients in one text dump can be distinguished: by a prefix, and by colors on a terminal. */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { echo } from "../../helpers/net/backends.ts";
import { connect, readText } from "../../helpers/net/client.ts";
import { command, controlSession } from "../../helpers/net/control_socket.ts";
import { freePort } from "../../helpers/net/ports.ts";
import { program } from "../../helpers/program/program.ts";
import { runBalance, startBalance } from "../../helpers/program/start_balance.ts";
import { startControlled } from "../../helpers/program/start_controlled.ts";
import { startTmux } from "../../helpers/program/start_tmux.ts";
import { runDirectory } from "../../helpers/run_directory.ts";
import { t, until, withTools } from "../../helpers/t.ts";
import { tempDir } from "../../helpers/temp_dir.ts";

/** Two clients, one after the other; each sends one chunk and gets it back. */
async function twoClients(port: number): Promise<void> {
  for (const text of ["one", "two"]) {
    await using client = await connect(port);
    await client.send(text);
    assertEquals(await readText(client, 3), text);
  }
}

t("--dump-prefix: each line has time, connection and direction", async () => {
  await using server = echo();
  await using balance = await startBalance(
    ["-f", "-p", "--dump-prefix", "time,id,dir", "PORT", server.address],
  );
  await twoClients(balance.port);
  await balance.stop();
  const lines = balance.stdout.split("\n").filter(Boolean);
  for (const line of lines) assertMatch(line, /^\d\d:\d\d:\d\d\.\d{6} #[12] [<>] /);
  const texts = lines.map((line) => line.slice("09:30:08.856676 ".length));
  for (const line of ["#1 > -> 3", "#1 > one", "#1 < -< 3", "#1 < one", "#2 > two", "#2 < two"]) {
    assert(texts.includes(line), `${line} in ${texts}`);
  }
});

t("dump on ... prefix; other formats and fields are refused", async () => {
  using dir = tempDir();
  await using server = echo();
  await using balance = await startControlled(["-f", "PORT", server.address]);
  using session = await controlSession(balance.socket);
  const file = `${dir.path}/x.txt`;
  assertEquals(
    await command(session, `dump on ${file} prefix id`),
    `dump on: text to ${file}, prefix id\n`,
  );
  await twoClients(balance.port);
  await until(() => Deno.readTextFileSync(file).includes("#2 -> 0\n\n"));
  assertStringIncludes(Deno.readTextFileSync(file), "#1 -> 3\n#1 one\n");
  const refused: [line: string, answer: string][] = [
    ["dump on json prefix id", "invalid dump prefix [id]: only the text format has one"],
    ["dump on prefix id,x", "invalid dump prefix [id,x]: want some of time,id,dir"],
  ];
  for (const [line, answer] of refused) {
    const { text, failed } = await session.ask(line);
    assertEquals([text, failed], [`${answer}\n`, true]);
  }
  const argv = ["--dump-file", `${dir.path}/x.hex`, "--dump-prefix", "id", "PORT", "127.0.0.1:1"];
  const { code, stderr } = await runBalance(argv);
  assertEquals(code, 64);
  assertStringIncludes(stderr, "invalid dump prefix [id]: only the text format has one");
});

withTools(
  ["tmux"],
  "-p on a terminal has colors, unless NO_COLOR or TERM disables them",
  async () => {
    await using server = echo();
    const looks = async (...environment: string[]) => {
      using rundir = runDirectory();
      const port = freePort();
      const { command, args } = program({ cachedOnly: true });
      const argv = ["-f", "-p", `${port}`, server.address];
      await using terminal = await startTmux(
        ["/usr/bin/env", "-u", "NO_COLOR", ...environment, command, ...args, ...argv],
        { env: { BALANCE_RUNDIR: rundir.path } },
      );
      await terminal.shows(/listening on/);
      await twoClients(port);
      await terminal.shows(/two\n[^]*two\n/);
      return await terminal.looks();
    };
    const colored = await looks();
    // The two connections, by tmux in one or two sequences.
    assertMatch(colored, /32m-> 3\n/);
    assertMatch(colored, /35m-> 3\n/);
    assertMatch(colored, /\x1b\[1(m|;)/);
    for (const variable of ["NO_COLOR=1", "TERM=dumb", "TERM="]) {
      assert(!(await looks(variable)).includes("\x1b["), variable);
    }
  },
);
