import { assert, assertEquals } from "@std/assert";
import { backend, named, refusing } from "../../helpers/net/backends.ts";
import { syslogReceiver } from "../../helpers/net/syslog_receiver.ts";
import { startControlled } from "../../helpers/program/start_controlled.ts";
import { t, until } from "../../helpers/t.ts";

t("READY is sent after the first round of probes, when the health is known", async () => {
  await using manager = syslogReceiver();
  await using good = named("B0");
  await using dead = refusing();
  const argv = ["-f", "--check", "tcp", "PORT", good.address, dead.address];
  await using _balance = await startControlled(argv, {
    env: { NOTIFY_SOCKET: manager.path },
    expectStderr: /^channel 0\.1 \S+ is down: connection refused \(first check\)\n$/,
  });
  assertEquals(await manager.waitFor(1), [
    "READY=1\nSTATUS=0 connections, 1 of 2 channels available",
  ]);
});

t("READY waits two seconds for a probe that hangs; a signal ends the wait", async () => {
  await using manager = syslogReceiver();
  await using silent = backend(async (conn) => {
    while (await conn.read(new Uint8Array(1)) !== null);
  });
  const argv = ["-f", "--check", "expect:x", "--check-timeout", "60", "PORT", silent.address];
  const options = { env: { NOTIFY_SOCKET: manager.path } };
  {
    await using _balance = await startControlled(argv, options);
    assertEquals(await manager.waitFor(1), [
      "READY=1\nSTATUS=0 connections, 1 of 1 channel available",
    ]);
    assertEquals(silent.open, 1);
  }
  const before = silent.accepted, sent = manager.messages.length, started = performance.now();
  await using balance = await startControlled(argv, options);
  await until(() => silent.accepted > before, { what: "the probe" });
  assertEquals((await balance.stop()).code, 0);
  const ms = performance.now() - started;
  await until(() => manager.messages.at(-1)?.startsWith("STOPPING=1"), { what: "STOPPING" });
  // On a busy machine, the two seconds may be over before the signal.
  const wasReady = manager.messages.slice(sent).some((text) => text.startsWith("READY"));
  assert(!wasReady || ms > 2000, `READY within ${ms} ms`);
});
