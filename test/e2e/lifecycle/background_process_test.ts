/** The background process as ps(1) shows it, and where it can be started. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { canBeNobody, runWith, shell, startWith } from "../../faults/helpers/start_with.ts";
import { named } from "../../helpers/net/backends.ts";
import { ask, connect, readText } from "../../helpers/net/client.ts";
import { helloOf, socketPath } from "../../helpers/net/control_socket.ts";
import { freePort } from "../../helpers/net/ports.ts";
import { isAlive } from "../../helpers/program/process.ts";
import { program } from "../../helpers/program/program.ts";
import { startBackground } from "../../helpers/program/start_background.ts";
import { runProgram } from "../../helpers/program/start_program.ts";
import { skip, t, tool, until } from "../../helpers/t.ts";
import { tempDir } from "../../helpers/temp_dir.ts";

const DEAD = "127.0.0.1:9";
/** Arguments of setpriv: root that may enter only what its owner may. */
const OBEDIENT = ["--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-all"];

t(
  "its command line is byte for byte what was typed, and its environment is inherited",
  async () => {
    using dir = tempDir();
    const { command, args } = program({ cachedOnly: true });
    const port = freePort();
    const log = `${dir.path}/ü "quoted" \\ $HOME\nnewline`;
    await using balance = await startBackground(["--log", log, "-d", "PORT", DEAD], {
      port,
      env: { FLAVOR: "wide=ly", EMPTY: "" },
    });
    const proc = (name: string) =>
      Deno.readTextFileSync(`/proc/${balance.pid}/${name}`).split("\0");
    const typed = [command, ...args, "--log", log, "-d", String(port), DEAD];
    assertEquals(proc("cmdline").slice(0, -1), typed);
    assertEquals(proc("comm"), ["balance\n"]);
    const environment = proc("environ");
    assert(environment.includes("FLAVOR=wide=ly") && environment.includes("EMPTY="));
    const names = environment.map((entry) => entry.split("=", 1)[0] ?? "").filter((name) => name);
    assertEquals(names.length, new Set(names).size, "no variable is there twice");
  },
);

const pgrep = tool("pgrep");
if (pgrep === undefined) skip("pgrep -f finds it", "pgrep is not installed");
else {
  t("pgrep -f finds it by what was typed", async () => {
    await using balance = await startBackground(["-b", "127.0.0.1", "PORT", DEAD], {
      address: "127.0.0.1",
    });
    const pattern = `-b 127.0.0.1 ${balance.port} ${DEAD}`;
    const { stdout } = await runProgram(pgrep, ["-f", "--", pattern]);
    assertEquals(stdout, `${balance.pid}\n`);
  });
}

if (!canBeNobody) skip("it starts where its user may not be", "needs root and setpriv");
else {
  t("it starts in a directory that its user may not enter", async () => {
    await using server = named("B0");
    using rundir = tempDir();
    using closed = tempDir();
    Deno.chownSync(closed.path, 12345, 12345);
    Deno.chmodSync(closed.path, 0o700);
    const port = freePort();
    const { code, stderr } = await runWith([String(port), server.address], {
      rundir: rundir.path,
      prefix: ["sh", "-c", 'cd "$0" && exec setpriv "$@"', closed.path, ...OBEDIENT],
    });
    assertEquals([code, stderr], [0, ""]);
    assertEquals(await ask(port), "B0");
    await end(rundir.path, port);
  });
}

t("it starts with SIGCHLD ignored, and leaves no zombie", async () => {
  using rundir = tempDir();
  const port = freePort();
  const { code, stderr } = await runWith([String(port), DEAD], {
    rundir: rundir.path,
    prefix: shell("trap '' CHLD"),
  });
  assertEquals([code, stderr], [0, ""]);
  await end(rundir.path, port);
});

t("the parent notices that it was killed before it serves", async () => {
  await using server = named("B0");
  await using first = await startBackground(["--grace", "60", "PORT", server.address]);
  const { port, rundir } = first;
  await using client = await connect(port);
  assertEquals(await readText(client, 3), "B0\n");
  first.kill("SIGTERM");
  // It waits for the first one, which drains.
  await using parent = startWith([String(port), server.address], { rundir });
  const child = await until(
    () => Number(Deno.readTextFileSync(`/proc/${parent.pid}/task/${parent.pid}/children`)),
    { timeoutMs: 30_000, what: "the background process" },
  );
  Deno.kill(child, "SIGKILL");
  const { code, stderr } = await parent.ended;
  assertEquals(code, 70);
  assertMatch(stderr, /^balance: the background process ended at start \((signal 9|SIGKILL)\)\n$/);
});

async function end(rundir: string, port: number): Promise<void> {
  const { pid } = await helloOf(socketPath(rundir, port));
  Deno.kill(pid, "SIGTERM");
  await until(() => !isAlive(pid), { what: "its end" });
}
