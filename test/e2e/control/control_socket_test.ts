import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { connectUnix, socketPath, talk } from "../../helpers/net/control_socket.ts";
import { runBalance } from "../../helpers/program/start_balance.ts";
import { startControlled } from "../../helpers/program/start_controlled.ts";
import { runDirectory } from "../../helpers/run_directory.ts";
import { t, until } from "../../helpers/t.ts";

t(
  "a second balance on the same port fails to bind before it touches the control socket",
  async () => {
    await using balance = await startControlled(["-f", "PORT", "127.0.0.1:9"]);
    const { port, rundir } = balance;
    const second = await runBalance(["-f", "PORT", "127.0.0.1:9"], { port, rundir });
    const message = `balance: can't bind local address 0.0.0.0:${port}: address already in use\n`;
    assertEquals([second.code, second.stderr], [69, message]);
    assertMatch(await talk(socketPath(rundir, port), "version\n"), /This is balance/);
  },
);

t("the control socket of a killed balance is replaced by the next start", async () => {
  using directory = runDirectory();
  const env = { BALANCE_RUNDIR: directory.path };
  const first = await startControlled(["-f", "PORT", "127.0.0.1:9"], { env });
  const { port } = first;
  await first.stop("SIGKILL");
  await first[Symbol.asyncDispose]();
  const path = socketPath(directory.path, port);
  await assertRejects(() => connectUnix(path), Deno.errors.ConnectionRefused);
  const none = await runBalance(["-c", "show", "PORT"], { port, rundir: directory.path });
  assertEquals([none.code, none.stdout], [69, "no master process, exiting.\n"]);
  await using second = await startControlled(["-f", "-d", "PORT", "127.0.0.1:9"], {
    env,
    port,
    expectStderr: "any",
  });
  await second.waitForStderr(/control socket .* is taken over/);
  assertMatch(await talk(path, "version\n"), /This is balance/);
  await second.stop();
  await until(() => [...Deno.readDirSync(directory.path)].length === 0);
});

t("an unusable run directory ends the start with exit code 73 and the reason", async () => {
  using directory = runDirectory(0o777);
  const { code, stderr } = await runBalance(["-f", "PORT", "127.0.0.1:9"], {
    rundir: directory.path,
  });
  assertEquals(code, 73);
  assertMatch(stderr, /^balance: can't use run directory \[.*\]: others may write to it .*\n$/);
});
