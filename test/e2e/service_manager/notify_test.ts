/** Notifications to a service manager (sd_notify(3)), received by the test. */

import { assertEquals } from "@std/assert";
import { named, refusing } from "../../helpers/net/backends.ts";
import { ask, connect, readText } from "../../helpers/net/client.ts";
import { talk } from "../../helpers/net/control_socket.ts";
import { freePort } from "../../helpers/net/ports.ts";
import { type SyslogReceiver, syslogReceiver } from "../../helpers/net/syslog_receiver.ts";
import { program } from "../../helpers/program/program.ts";
import { runBalance } from "../../helpers/program/start_balance.ts";
import { startControlled } from "../../helpers/program/start_controlled.ts";
import { sleep, t, until, within } from "../../helpers/t.ts";
import { namesIn, tempDir } from "../../helpers/temp_dir.ts";

async function start(manager: SyslogReceiver, ...argv: string[]) {
  return await startControlled(["-f", ...argv], { env: { NOTIFY_SOCKET: manager.path } });
}

const START = "READY=1\nSTATUS=0 connections, 1 of 1 channel available";
const MORE_TIME = "EXTEND_TIMEOUT_USEC=10000000";
const STOP = `STOPPING=1\n${MORE_TIME}\nSTATUS=stopping`;

t("READY is sent when connections are accepted, STOPPING at the first signal", async () => {
  await using manager = syslogReceiver();
  await using server = named("B0");
  await using balance = await start(manager, "PORT", server.address);
  assertEquals(await manager.waitFor(1), [START]);
  assertEquals(await ask(balance.port), "B0");
  const client = await connect(balance.port);
  assertEquals(await readText(client, 3), "B0\n");
  balance.kill("SIGTERM");
  const draining = `${MORE_TIME}\nSTATUS=draining, 1 connection left`;
  await until(() => manager.messages.at(-1) === `STOPPING=1\n${draining}`, { what: draining });
  // Without a change, too: a drain may have no time limit.
  await until(() => manager.messages.filter((text) => text === draining).length >= 2, {
    timeoutMs: 20_000,
    what: "requests for more time",
  });
  await client.close();
  assertEquals((await balance.ended).code, 0);
  const others = new Set(manager.messages.filter((text) => !text.startsWith("STATUS=")));
  assertEquals([...others], [START, `STOPPING=1\n${draining}`, draining]);
});

t("STATUS has the connections and the available channels, only when they change", async () => {
  await using manager = syslogReceiver();
  await using server = named("B0");
  const argv = ["PORT", server.address, server.address, "!", server.address, server.address];
  await using balance = await start(manager, ...argv);
  const shows = async (last: string) => {
    await until(() => manager.messages.at(-1) === last, {
      timeoutMs: 20_000,
      what: () => `${last} instead of ${JSON.stringify(manager.messages)}`,
    });
  };
  await shows("READY=1\nSTATUS=0 connections, 4 of 4 channels available");
  await using one = await connect(balance.port);
  await using two = await connect(balance.port);
  assertEquals([await readText(one, 3), await readText(two, 3)], ["B0\n", "B0\n"]);
  await shows("STATUS=2 connections, 4 of 4 channels available");
  assertEquals(await talk(balance.socket, "disable 1\n"), "channel 1 disabled\n");
  await shows("STATUS=2 connections, 3 of 4 channels available");
  balance.kill("SIGTERM");
  await shows(`STOPPING=1\n${MORE_TIME}\nSTATUS=draining, 2 connections left`);
  const serving = manager.messages.slice(0, -1);
  assertEquals(new Set(serving).size, serving.length);
  await one.close();
  await shows(`${MORE_TIME}\nSTATUS=draining, 1 connection left`);
  await two.close();
  assertEquals((await balance.ended).code, 0);
});

t("STATUS counts channels that are down as not available, and clients that wait", async () => {
  await using manager = syslogReceiver();
  await using server = named("B0");
  await using dead = refusing();
  const options = ["--check", "tcp", "--interval", "50ms", "--fall", "1", "--wait", "60"];
  const argv = ["-f", ...options, "PORT", `${server.address}:1`, dead.address];
  const env = { NOTIFY_SOCKET: manager.path };
  await using balance = await startControlled(argv, { env, expectStderr: /is down/ });
  const shows = async (last: string) => {
    await until(() => manager.messages.at(-1)?.endsWith(last), {
      timeoutMs: 20_000,
      what: () => `${last} instead of ${JSON.stringify(manager.messages)}`,
    });
  };
  await shows("STATUS=0 connections, 1 of 2 channels available");
  await using one = await connect(balance.port);
  assertEquals(await readText(one, 3), "B0\n");
  await using two = await connect(balance.port);
  await shows("STATUS=1 connection, 0 of 2 channels available, 1 client waiting");
  balance.kill("SIGTERM");
  await shows("STATUS=draining, 2 connections left");
  await one.close();
  assertEquals(await readText(two, 3), "B0\n");
  await two.close();
  assertEquals((await balance.ended).code, 0);
});

t("STOPPING is sent even if the program can end at once", async () => {
  await using manager = syslogReceiver();
  for (let i = 1; i <= 5; i++) {
    await using balance = await start(manager, "PORT", "127.0.0.1:9");
    assertEquals((await balance.stop()).code, 0);
    assertEquals((await manager.waitFor(2 * i)).at(-1), STOP);
  }
});

t("the kill command sends STOPPING", async () => {
  await using manager = syslogReceiver();
  await using balance = await start(manager, "PORT", "127.0.0.1:9");
  const { port, rundir } = balance;
  await runBalance(["-c", "kill", "PORT"], { port, rundir });
  assertEquals((await balance.ended).code, 0);
  assertEquals(await manager.waitFor(2), [START, STOP]);
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
  const filler = Deno.listenDatagram({ transport: "unixpacket", path: `${dir.path}/own` });
  let waiting: Promise<unknown>;
  // Fills the queue of the receiver until a datagram has to wait.
  for (let pending = 0; pending < 20;) {
    let sent = false;
    waiting = filler.send(new Uint8Array(1), { transport: "unixpacket", path }).catch(() => {})
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
  // Without the receiver, the waiting datagram fails.
  receiver.close();
  await within(waiting!, { timeoutMs: 5000, what: "the waiting datagram" });
  filler.close();
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
    assertEquals(await manager.waitFor(1), [START]);
    child.kill("SIGTERM");
    assertEquals((await child.status).code, 0);
    await until(() => manager.messages.length === 2);
    assertEquals(namesIn(rundir.path), []);
  },
);
