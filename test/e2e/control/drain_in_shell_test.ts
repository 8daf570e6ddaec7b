/** `drain` in the shell: on a terminal, where ^C stops waiting, and on a pipe. */

import { assertEquals } from "@std/assert";
import { assertRestored, shellOnTerminal } from "../../helpers/control/shell_on_terminal.ts";
import { echo } from "../../helpers/net/backends.ts";
import { readToEnd } from "../../helpers/net/client.ts";
import { talk } from "../../helpers/net/control_socket.ts";
import { echoes, heldConnection } from "../../helpers/net/held_connections.ts";
import { startControlled } from "../../helpers/program/start_controlled.ts";
import { startShell } from "../../helpers/program/start_shell.ts";
import { skip, t, tool } from "../../helpers/t.ts";

const LEFT = "channel 1.0 is draining: 1 connection left";

if (tool("tmux") === undefined) {
  skip("drain in a terminal", "tmux is not installed");
} else {
  t("^C stops waiting for a drain, which goes on, and the shell keeps its group", async () => {
    await using one = echo();
    await using balance = await startControlled(["-f", "PORT", "127.0.0.1:9", "!", one.address]);
    await using client = await heldConnection(balance.port);
    await using pane = await shellOnTerminal(balance);
    await pane.type("group 1");
    await pane.press("Enter");
    await pane.type("drain 0 60; version");
    await pane.press("Enter");
    await pane.shows(new RegExp(`^balance\\[1\\] drain 0 60; version\\n${LEFT}$`, "m"));
    await pane.press("C-c");
    await pane.shows(new RegExp(`^${LEFT}\\n\\^C\\nbalance\\[1\\]$`, "m"));
    await pane.type("maxc 0 7");
    await pane.press("Enter");
    await pane.shows(/^balance\[1\] maxc 0 7\nmaxc of channel 0 changed to 7\nbalance\[1\]$/m);
    // It can be waited for again.
    await echoes(client);
    await pane.type("drain 0");
    await pane.press("Enter");
    await pane.shows(new RegExp(`^balance\\[1\\] drain 0\\n${LEFT}$`, "m"));
    await client.close();
    await pane.shows(/^channel 1\.0 is drained\nbalance\[1\]$/m);
    await pane.press("C-d");
    assertEquals(await pane.ended(), 0);
    await assertRestored(pane);
  });
}

t("on a pipe, the shell prints the progress of a drain as it comes", async () => {
  await using one = echo();
  await using balance = await startControlled(["-f", "PORT", "127.0.0.1:9", "!", one.address]);
  await using client = await heldConnection(balance.port);
  await using shell = startShell(balance);
  await shell.type("drain 1.0\nversion\n");
  await shell.waitForStdout(new RegExp(`balance\\[0\\] ${LEFT}\\n$`));
  assertEquals(
    await talk(balance.socket, "close channel 1.0\n"),
    "1 connection of channel 1.0 closed\n",
  );
  await readToEnd(client);
  await shell.waitForStdout(/ left\nchannel 1\.0 is drained\nbalance\[0\] {3}This is balance/);
  assertEquals(await shell.end(), 0);
});
