/** The commands `health`, for scripts, and `instances`. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { named } from "../../helpers/net/backends.ts";
import { connect, readText } from "../../helpers/net/client.ts";
import { talk } from "../../helpers/net/control_socket.ts";
import { freePort } from "../../helpers/net/ports.ts";
import { runBalance } from "../../helpers/program/start_balance.ts";
import { startBackground } from "../../helpers/program/start_background.ts";
import { startControlled } from "../../helpers/program/start_controlled.ts";
import { runDirectory } from "../../helpers/run_directory.ts";
import { t } from "../../helpers/t.ts";

/** Runs `-c` with commands; stdout and the exit code. */
async function control(at: { port: number; rundir: string }, commands: string) {
  const { port, rundir } = at;
  const { code, stdout } = await runBalance(["-c", commands, "PORT"], { port, rundir });
  return [stdout.trimEnd(), code];
}

t("health exits with 0 exactly while a channel is available, also without --strict", async () => {
  const channels = ["127.0.0.1:9", "127.0.0.1:19", "!", "127.0.0.1:29", "127.0.0.1:39:-1"];
  await using balance = await startControlled(["-f", "PORT", ...channels]);
  const to = (commands: string) => talk(balance.socket, commands);
  assertEquals(await control(balance, "health"), ["healthy: 3 of 4 channels available", 0]);
  await to("disable 0\nweight 1 0\n");
  assertEquals(await control(balance, "health"), ["healthy: 1 of 4 channels available", 0]);
  await to("drain 1.0\n");
  assertEquals(await control(balance, "health"), ["unhealthy: 0 of 4 channels available", 1]);
  // Later commands still run, and their success changes nothing.
  assertEquals(await control(balance, "health; enable 0; health"), [
    "unhealthy: 0 of 4 channels available\nchannel 0 enabled\nhealthy: 1 of 4 channels available",
    1,
  ]);
});

t("health without a balance is 69, and without any channel 1", async () => {
  using directory = runDirectory();
  const at = { port: freePort(), rundir: directory.path };
  assertEquals(await control(at, "health"), ["no master process, exiting.", 69]);
  await using balance = await startControlled(["-f", "PORT"]);
  assertEquals(await control(balance, "health"), ["unhealthy: 0 of 0 channels available", 1]);
});

t("health does not wait for a balance that hangs", async () => {
  await using balance = await startControlled(["-f", "PORT", "127.0.0.1:9"]);
  const { port, rundir } = balance;
  balance.kill("SIGSTOP");
  try {
    const start = performance.now();
    const { code, stdout, stderr } = await runBalance(["-c", "health", "PORT"], { port, rundir });
    const elapsed = performance.now() - start;
    const line = `balance: the balance on 0.0.0.0:${port} does not answer within 1 second\n`;
    assertEquals([code, stdout, stderr], [69, "", line]);
    // Other commands wait for 5 seconds.
    assert(elapsed < 4500, `${elapsed} ms`);
  } finally {
    balance.kill("SIGCONT");
  }
});

t("health is about what checks found: down is not available, up again is", async () => {
  await using server = named("B0");
  const argv = ["-f", "--check", "tcp", "--interval", "0.05", "--fall", "1", "--rise", "1"];
  await using balance = await startControlled([...argv, "PORT", server.address], {
    expectStderr: "any",
  });
  assertEquals(await control(balance, "health"), ["healthy: 1 of 1 channel available", 0]);
  await server.stop();
  await balance.waitForStderr(/is down/);
  assertEquals(await control(balance, "health"), ["unhealthy: 0 of 1 channel available", 1]);
});

t("a balance that shuts down is not healthy; instances lists it with its successor", async () => {
  await using server = named("B0");
  using directory = runDirectory();
  const port = freePort(), rundir = directory.path, argv = ["PORT", server.address];
  await using old = await startBackground(argv, { port, rundir });
  await using client = await connect(port);
  assertEquals(await readText(client, 3), "B0\n");
  old.kill("SIGTERM");
  assertEquals(await control(old, "health"), ["unhealthy: shutting down", 1]);
  await using next = await startBackground(argv, { port, rundir });
  assertEquals(await control(next, "health"), ["healthy: 1 of 1 channel available", 0]);
  // Another balance in the same directory, which is not on this port.
  await using other = await startBackground(argv, { rundir });
  const { stdout } = await runBalance(["-c", "instances", "PORT"], { port, rundir });
  const [heading = "", ...lines] = stdout.trimEnd().split("\n");
  assertMatch(heading, /^ *PID +ADDRESS +PORT +VERSION +UPTIME +OPEN +STATE/);
  const shown = lines.map((line) => line.trim().split(/\s+/))
    .map(([pid, address, onPort, , , open, state]) => [pid, address, onPort, open, state]);
  assertEquals(shown, [
    [`${next.pid}`, "0.0.0.0", `${port}`, "0", "running"],
    [`${old.pid}`, "0.0.0.0", `${port}`, "1", "draining"],
  ]);
  assert(other.alive());
});
