/** Notifications to a service manager (sd_notify(3)), received by the test. */

import { assertEquals } from "@std/assert";
import { named } from "../../helpers/net/backends.ts";
import { ask, connect, readText } from "../../helpers/net/client.ts";
import { freePort } from "../../helpers/net/ports.ts";
import { type SyslogReceiver, syslogReceiver } from "../../helpers/net/syslog_receiver.ts";
import { program } from "../../helpers/program/program.ts";
import { runBalance } from "../../helpers/program/start_balance.ts";
import { startControlled } from "../../helpers/program/start_controlled.ts";
import { sleep, t, until } from "../../helpers/t.ts";
import { namesIn, tempDir } from "../../helpers/temp_dir.ts";

async function start(manager: SyslogReceiver, ...argv: string[]) {
  return await startControlled(["-f", ...argv], { env: { NOTIFY_SOCKET: manager.path } });
}

t("READY is sent when connections are accepted, STOPPING at the first signal", async () => {
  await using manager = syslogReceiver();
  await using server = named("B0");
  await using balance = await start(manager, "PORT", server.address);
  assertEquals(await manager.waitFor(1), ["READY=1"]);
  assertEquals(await ask(balance.port), "B0");
  const client = await connect(balance.port);
  assertEquals(await readText(client, 3), "B0\n");
  balance.kill("SIGTERM");
  assertEquals(await manager.waitFor(2), ["READY=1", "STOPPING=1"]);
  await client.close();
  assertEquals((await balance.ended).code, 0);
  assertEquals(manager.messages.length, 2);
});

t("STOPPING is sent even if the program can end at once", async () => {
  await using manager = syslogReceiver();
  for (let i = 1; i <= 5; i++) {
    await using balance = await start(manager, "PORT", "127.0.0.1:9");
    assertEquals((await balance.stop()).code, 0);
    assertEquals((await manager.waitFor(2 * i)).at(-1), "STOPPING=1");
  }
});

t("the kill command sends STOPPING", async () => {
  await using manager = syslogReceiver();
  await using balance = await start(manager, "PORT", "127.0.0.1:9");
  const { port, rundir } = balance;
  await runBalance(["-c", "kill", "PORT"], { port, rundir });
  assertEquals((await balance.ended).code, 0);
  assertEquals(await manager.waitFor(2), ["READY=1", "STOPPING=1"]);
});

t("a failed start sends no READY, and a missing manager does not prevent a start", async () => {
  await using manager = syslogReceiver();
  const { code } = await runBalance(["-f", "PORT", "no..such"], {
    env: { NOTIFY_SOCKET: manager.path },
  });
  assertEquals([code, manager.messages], [65, []]);
  await using balance = await startControlled(["-f", "PORT", "127.0.0.1:9"], {
    env: { NOTIFY_SOCKET: "/nonexistent/notify" },
  });
  assertEquals((await balance.stop()).code, 0);
});

t("a manager that reads nothing delays neither start nor end for long", async () => {
  using dir = tempDir();
  const path = `${dir.path}/notify`;
  const receiver = Deno.listenDatagram({ transport: "unixpacket", path });
  const own = `${dir.path}/own`;
  const filler = Deno.listenDatagram({ transport: "unixpacket", path: own });
  // Fills the queue of the receiver until a datagram has to wait.
  for (let pending = 0; pending < 20;) {
    let sent = false;
    filler.send(new Uint8Array(1), { transport: "unixpacket", path }).catch(() => {})
      .finally(() => sent = true);
    for (pending = 0; pending < 20 && !sent; pending++) {
      await sleep(5);
    }
  }
  {
    await using balance = await startControlled(["-f", "PORT", "127.0.0.1:9"], {
      env: { NOTIFY_SOCKET: path },
    });
    assertEquals((await balance.stop()).code, 0);
  }
  filler.close();
  receiver.close();
});

t(
  "a file left by a killed balance with the same process id does not suppress notifications",
  async () => {
    await using manager = syslogReceiver();
    using rundir = tempDir();
    const { command, args } = program({ cachedOnly: true });
    // The shell becomes the program, so the file has its process id, as with pid 1 in a container.
    const script = `: > "$0/.notify.$$"; exec "$@"`;
    const child = new Deno.Command("/bin/sh", {
      args: ["-c", script, rundir.path, command, ...args, "-f", String(freePort()), "127.0.0.1:9"],
      env: { BALANCE_RUNDIR: rundir.path, NOTIFY_SOCKET: manager.path, DENO_NO_UPDATE_CHECK: "1" },
      stdin: "null",
      stdout: "null",
      stderr: "inherit",
    }).spawn();
    assertEquals(await manager.waitFor(1), ["READY=1"]);
    child.kill("SIGTERM");
    assertEquals((await child.status).code, 0);
    await until(() => manager.messages.length === 2);
    assertEquals(namesIn(rundir.path), []);
  },
);
