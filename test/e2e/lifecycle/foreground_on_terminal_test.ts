/** What `-f` prints for a person: only on a terminal, and only when it helps. */

import { assert, assertEquals } from "@std/assert";
import { named } from "../../helpers/net/backends.ts";
import { type Client, connect, readText } from "../../helpers/net/client.ts";
import { freePort } from "../../helpers/net/ports.ts";
import { program } from "../../helpers/program/program.ts";
import { startControlled } from "../../helpers/program/start_controlled.ts";
import { startTmux, type Tmux } from "../../helpers/program/start_tmux.ts";
import { runDirectory } from "../../helpers/run_directory.ts";
import { t, within, withTools } from "../../helpers/t.ts";
import { namesIn } from "../../helpers/temp_dir.ts";

async function onTerminal(rundir: string, ...argv: string[]): Promise<Tmux> {
  const { command, args } = program({ cachedOnly: true });
  return await startTmux([command, ...args, ...argv], {
    columns: 120,
    env: { BALANCE_RUNDIR: rundir, NO_COLOR: "1" },
  });
}

const lines = async (terminal: Tmux): Promise<string[]> =>
  (await terminal.screen()).trimEnd().split("\n");

withTools(["tmux"], "on a terminal, one line reports that balance is listening", async () => {
  using rundir = runDirectory();
  await using server = named("B0");
  const port = freePort();
  const channels = [server.address, server.address, "!", server.address];
  await using terminal = await onTerminal(rundir.path, "-f", String(port), ...channels);
  await terminal.shows(/listening on/);
  assertEquals(await lines(terminal), [
    `balance: listening on 0.0.0.0:${port}, 3 channels in 2 groups`,
  ]);
  await terminal.press("C-c");
  assertEquals(await terminal.ended(), 0);
  assertEquals((await lines(terminal)).slice(1).filter((line) => line !== "^C"), []);
});

withTools(
  ["tmux"],
  "^C prints how many connections are left, and a second one closes them",
  async () => {
    using rundir = runDirectory();
    await using server = named("B0");
    const port = freePort();
    const argv = ["-f", "--grace", "300", "-6", String(port), server.address];
    await using terminal = await onTerminal(rundir.path, ...argv);
    await terminal.shows(/listening on \[::\]:\d+, 1 channel in 1 group/);
    await using one = await connect(port);
    await using two = await connect(port);
    assertEquals([await readText(one, 3), await readText(two, 3)], ["B0\n", "B0\n"]);
    await terminal.press("C-c");
    await terminal.shows(
      /shutting down, waiting at most 300 seconds for 2 connections; press \^C again to stop now/,
    );
    await terminal.press("C-c");
    const code = await within(terminal.ended(), {
      timeoutMs: 10_000,
      what: "the second ^C to end it",
    });
    assertEquals(code, 130);
  },
);

withTools(
  ["tmux"],
  "SIGHUP ends it at once, with 129 if a connection was cut, else with 0",
  async () => {
    using rundir = runDirectory();
    await using server = named("B0");
    const port = freePort();
    const clients: Client[] = [];
    for (const count of [0, 1]) {
      await using terminal = await onTerminal(rundir.path, "-f", String(port), server.address);
      await terminal.shows(/listening on/);
      for (let i = 0; i < count; i++) {
        const client = await connect(port);
        clients.push(client);
        assertEquals(await readText(client, 3), "B0\n");
      }
      Deno.kill(await terminal.pid, "SIGHUP");
      assertEquals(await terminal.ended(), count === 0 ? 0 : 129);
      assertEquals(namesIn(rundir.path), []);
    }
    for (const client of clients) await client.close();
  },
);

withTools(["tmux"], "-d on a terminal prints no other line at start", async () => {
  using rundir = runDirectory();
  const port = freePort();
  await using terminal = await onTerminal(rundir.path, "-f", "-d", String(port), "127.0.0.1:9");
  await terminal.shows(/ {2}0 {2}0 127.0.0.1:9:0/);
  assert(!/listening on/.test(await terminal.screen()));
});

t("without a terminal, nothing is printed at start and at shutdown", async () => {
  await using server = named("B0");
  await using balance = await startControlled(["-f", "--grace", "0", "PORT", server.address]);
  await using client = await connect(balance.port);
  assertEquals(await readText(client, 3), "B0\n");
  const { stdout, stderr } = await balance.stop("SIGINT");
  assertEquals([stdout, stderr], ["", ""]);
});
