/** What balance reports about a reload to a service manager (Type=notify-reload of systemd). */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { named } from "../../helpers/net/backends.ts";
import { syslogReceiver } from "../../helpers/net/syslog_receiver.ts";
import { startConfigured } from "../../helpers/reload/start_configured.ts";
import { t } from "../../helpers/t.ts";

t("RELOADING and READY are sent, READY also with the reason of a failure", async () => {
  await using manager = syslogReceiver();
  await using server = named("B0");
  const env = { NOTIFY_SOCKET: manager.path };
  await using web = await startConfigured([server.address], { env, newSession: true });
  await manager.waitFor(1);
  const startedUs = monotonicUs();
  web.balance.kill("SIGHUP");
  const [ready, reloading, again] = await manager.waitFor(3);
  assertMatch(ready!, /^READY=1\n/);
  const [, time] = /^RELOADING=1\nMONOTONIC_USEC=(\d+)$/.exec(reloading!) ?? [];
  assert(Number(time) >= startedUs && Number(time) < startedUs + 30e6, `${time} ${startedUs}`);
  assertEquals(again, "READY=1\nSTATUS=0 connections, 1 of 1 channel available");
  assertMatch(await web.reload("bogus line"), /^reload failed/);
  const last = (await manager.waitFor(5)).slice(3);
  assertMatch(last[0]!, /^RELOADING=1\n/);
  assertMatch(last[1]!, /^READY=1\nSTATUS=.*, reload failed: .*web\.conf:1: unrecognized option/);
});

/** The time since the system was started; a suspended system is not tested. */
function monotonicUs(): number {
  return Math.floor(Number(Deno.readTextFileSync("/proc/uptime").split(" ")[0]) * 1e6) - 20_000;
}
