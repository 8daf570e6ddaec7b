/**
 * SIGHUP ends the program when its terminal is closed, and else reopens files. Signals that were
 * ignored at the start stay ignored.
 */

import { assertEquals } from "@std/assert";
import { shell, startWith } from "../../faults/helpers/start_with.ts";
import { named } from "../../helpers/net/backends.ts";
import { ask } from "../../helpers/net/client.ts";
import { answers, helloOf, socketPath } from "../../helpers/net/control_socket.ts";
import { freePort } from "../../helpers/net/ports.ts";
import { ignoresSignal, isAlive } from "../../helpers/program/process.ts";
import { program } from "../../helpers/program/program.ts";
import { startTmux } from "../../helpers/program/start_tmux.ts";
import { t, until, withTools } from "../../helpers/t.ts";
import { exists, tempDir } from "../../helpers/temp_dir.ts";

const SIGHUP = 1, SIGINT = 2, SIGQUIT = 3;
const ready = (socket: string) =>
  until(() => answers(socket), { timeoutMs: 30_000, what: "the control socket" });

t("a foreground that was started by nohup ignores SIGHUP", async () => {
  await using server = named("B0");
  using dir = tempDir();
  const port = freePort(), log = `${dir.path}/log`;
  await using balance = startWith(["-f", "--log", log, String(port), server.address], {
    prefix: ["nohup"],
  });
  await ready(socketPath(balance.rundir, port));
  assertEquals(ignoresSignal(balance.pid, SIGHUP), true);
  Deno.renameSync(log, `${log}.1`);
  balance.kill("SIGHUP");
  // Answered after the signal would have been handled.
  assertEquals(await ask(port), "B0");
  assertEquals(exists(log), false);
  balance.kill("SIGUSR2");
  await until(() => exists(log), { what: "a new file" });
  balance.kill("SIGTERM");
  assertEquals((await balance.ended).code, 0);
});

t("a background that was started by nohup ignores SIGHUP, too", async () => {
  using rundir = tempDir();
  await using server = named("B0");
  const port = freePort();
  await using parent = startWith([String(port), server.address], {
    prefix: ["nohup"],
    rundir: rundir.path,
  });
  assertEquals((await parent.ended).code, 0);
  const { pid } = await helloOf(socketPath(rundir.path, port));
  assertEquals(ignoresSignal(pid, SIGHUP), true);
  Deno.kill(pid, "SIGHUP");
  assertEquals(await ask(port), "B0");
  Deno.kill(pid, "SIGTERM");
  await until(() => !isAlive(pid));
});

t(
  "an asynchronous command of a script ignores SIGINT and SIGQUIT, as its shell requires",
  async () => {
    await using server = named("B0");
    const port = freePort();
    await using balance = startWith(["-f", String(port), server.address], {
      prefix: shell("trap '' INT QUIT"),
    });
    await ready(socketPath(balance.rundir, port));
    assertEquals([SIGINT, SIGQUIT].map((each) => ignoresSignal(balance.pid, each)), [true, true]);
    balance.kill("SIGINT");
    balance.kill("SIGQUIT");
    assertEquals(await ask(port), "B0");
    balance.kill("SIGTERM");
    assertEquals(await balance.ended, { code: 0, signal: null, stdout: "", stderr: "" });
  },
);

withTools(
  ["tmux"],
  "a foreground ends when its terminal is closed, even if its output is redirected",
  async () => {
    for (const redirection of ["", ' >"$0/out" 2>&1 </dev/null']) {
      await using server = named("B0");
      using dir = tempDir();
      const port = freePort();
      const { command, args } = program({ cachedOnly: true });
      await using terminal = await startTmux(
        [
          "sh",
          "-c",
          `exec "$@"${redirection}`,
          dir.path,
          command,
          ...args,
          "-f",
          String(port),
          server.address,
        ],
        { env: { BALANCE_RUNDIR: dir.path, DENO_NO_UPDATE_CHECK: "1" } },
      );
      await ready(socketPath(dir.path, port));
      assertEquals(await ask(port), "B0");
      const pid = await terminal.pid;
      await terminal.hangUp();
      await until(() => !isAlive(pid), { what: `the end${redirection}` });
    }
  },
);
