import { assertEquals, assertRejects } from "@std/assert";
import { named } from "../../helpers/net/backends.ts";
import { ask, connect } from "../../helpers/net/client.ts";
import { runBalance, startBalance } from "../../helpers/program/start_balance.ts";
import { freePort } from "../../helpers/net/ports.ts";
import { program } from "../../helpers/program/program.ts";
import { runProgram } from "../../helpers/program/start_program.ts";
import { runDirectory } from "../../helpers/run_directory.ts";
import { skip, t, withTools } from "../../helpers/t.ts";

t(
  "a second instance on the same address fails to start, and the first is not affected",
  async () => {
    await using server = named("B0");
    const argv = ["-f", "PORT", server.address];
    await using first = await startBalance(argv);
    for (let i = 0; i < 2; i++) {
      const second = await runBalance(argv, { port: first.port });
      assertEquals(second, {
        code: 69,
        signal: null,
        stdout: "",
        stderr: `balance: can't bind local address 0.0.0.0:${first.port}: address already in use\n`,
      });
    }
    assertEquals(await ask(first.port), "B0");
  },
);

t("an instance can listen on an address as soon as the previous instance has ended", async () => {
  await using server = named("B0");
  const argv = ["-f", "PORT", server.address];
  await using first = await startBalance(argv);
  // Leaves a connection of the first instance in TIME_WAIT.
  assertEquals(await ask(first.port), "B0");
  assertEquals((await runBalance(argv, { port: first.port })).code, 69);
  await first.stop();
  await using second = await startBalance(argv, { port: first.port });
  assertEquals(await ask(second.port), "B0");
});

t("-b listens on that address only: two instances share a port on two addresses", async () => {
  await using b0 = named("B0");
  await using b1 = named("B1");
  await using first = await startBalance(["-f", "-b", "127.0.0.1", "PORT", b0.address]);
  await using second = await startBalance(["-f", "-b", "127.0.0.2", "PORT", b1.address], {
    port: first.port,
  });
  assertEquals(await ask(first.port, { hostname: "127.0.0.1" }), "B0");
  assertEquals(await ask(second.port, { hostname: "127.0.0.2" }), "B1");
  await assertRejects(
    () => connect(first.port, { hostname: "127.0.0.3" }),
    Deno.errors.ConnectionRefused,
  );
});

t("-b accepts a host name", async () => {
  await using b0 = named("B0");
  await using balance = await startBalance(["-f", "-b", "localhost", "PORT", b0.address]);
  assertEquals(await ask(balance.port), "B0");
});

/** Runs balance without the capability to bind privileged ports, if this user has it at all. */
async function runUnprivileged(...argv: string[]) {
  const { command, args } = program({ cachedOnly: true });
  const plain = [command, ...args, ...argv];
  const [path = "", ...rest] = Deno.uid() === 0
    ? ["setpriv", "--bounding-set=-net_bind_service", ...plain]
    : plain;
  using rundir = runDirectory();
  return await runProgram(path, rest, { env: { BALANCE_RUNDIR: rundir.path, NO_COLOR: "1" } });
}

t("-b with an address of another host fails to start", async () => {
  for (const mode of [["-f"], []]) {
    const port = freePort();
    const argv = [...mode, "-b", "192.0.2.1", "PORT", "127.0.0.1:9"];
    const { code, stderr } = await runBalance(argv, { port });
    assertEquals(
      [code, stderr],
      [
        69,
        `balance: can't bind local address 192.0.2.1:${port}: ` +
        "cannot assign requested address: 192.0.2.1 is not an address of this host\n",
      ],
    );
  }
});

const first = Number(Deno.readTextFileSync("/proc/sys/net/ipv4/ip_unprivileged_port_start"));
const hint = "a privileged port without permission: the message names what is required";
if (first <= 82) skip(hint, `port 82 needs no privilege here, only ports below ${first}`);
else {
  withTools(["setpriv"], hint, async () => {
    const reason = `permission denied: a port below ${first} needs CAP_NET_BIND_SERVICE or root\n`;
    for (const mode of [["-f"], []]) {
      const { code, stderr } = await runUnprivileged(...mode, "-6", "82", "127.0.0.1:9");
      assertEquals([code, stderr], [69, `balance: can't bind local address [::]:82: ${reason}`]);
    }
    const metrics = await runUnprivileged(
      "-f",
      "--metrics",
      "82",
      String(freePort()),
      "127.0.0.1:9",
    );
    assertEquals(
      [metrics.code, metrics.stderr],
      [69, `balance: can't bind metrics address 127.0.0.1:82: ${reason}`],
    );
  });
}
