/** What names are when balance starts, with the real dnsmasq. */
import { assertEquals, assertMatch } from "@std/assert";
import { channelsOf } from "../../helpers/names/channels_of.ts";
import { dnsZone, withZone } from "../../helpers/names/dns_zone.ts";
import { programBindsSource } from "../../helpers/program/binds_source.ts";
import { hasIpv6, named } from "../../helpers/net/backends.ts";
import { ask } from "../../helpers/net/client.ts";
import { showRows, talk } from "../../helpers/net/control_socket.ts";
import { freePort } from "../../helpers/net/ports.ts";
import { type Controlled, startControlled } from "../../helpers/program/start_controlled.ts";
import { runBalance } from "../../helpers/program/start_balance.ts";
import { skip, until } from "../../helpers/t.ts";

/** The channels as `show` prints them. */
function channels({ socket }: Controlled): Promise<string> {
  return channelsOf(socket);
}

const SERVED = { expectStderr: "any" } as const;

withZone(
  "a name without an address at the start is down, is not checked, and comes up",
  async () => {
    await using zone = await dnsZone({});
    const port = freePort(), host = `${zone.network}.1`;
    await using a = named("A", { hostname: host, port });
    const argv = ["-f", "--resolve", "1", "--check", "tcp", "--interval", "0.05", "PORT"];
    const words = [...argv, `web.test:${port}`, "!", `more.test*:${port}`];
    await using balance = await startControlled(words, { ...SERVED, before: zone.before });
    assertEquals(await channels(balance), `0.0 DWN -:${port}, 1.0 DWN -:${port}`);
    assertMatch(
      await talk(balance.socket, "checks\n"),
      new RegExp(`0.0 +-:${port} +tcp +down .* -\n`),
    );
    assertEquals(await ask(balance.port), "EOF");
    for (const line of ["check 0 none", "check 0 tcp", "disable 0", "enable 0", "weight 0 5"]) {
      await talk(balance.socket, `${line}\n`);
      assertMatch(await channels(balance), /^0\.0 (DWN|dis) -:/);
    }
    await zone.set({ "web.test": [host], "more.test": [host] });
    await until(async () =>
      await channels(balance) === `0.0 ENA ${host}:${port}, 1.0 ENA ${host}:${port}`
    );
    await until(() => a.accepted > 3);
    assertEquals(await ask(balance.port), "A");
    assertMatch(balance.stderr, /name web.test cannot be resolved: unknown name; it is down\n/);
  },
);

if (hasIpv6) {
  withZone("NAME* has IPv6 addresses, too, but with -B only those of its family", async () => {
    await using zone = await dnsZone({});
    const port = freePort(), host = `${zone.network}.1`;
    await using _a = named("A", { hostname: host, port });
    await using _b = named("B", { hostname: "::1", port });
    await zone.set({ "web.test": ["::1", host] });
    const before = zone.before, channel = `web.test*:${port}`;
    {
      await using balance = await startControlled(["-f", "PORT", channel], { before });
      assertEquals(await channels(balance), `0.0 ENA ${host}:${port}, 0.1 ENA ::1:${port}`);
      assertEquals([await ask(balance.port), await ask(balance.port)].toSorted(), ["A", "B"]);
    }
    if (!await programBindsSource()) return;
    const argv = ["-f", "-B", "127.0.0.7", "PORT", channel];
    await using balance = await startControlled(argv, { before });
    assertEquals(await channels(balance), `0.0 ENA ${host}:${port}`);
  });
} else skip("NAME* has IPv6 addresses, too", "there is no IPv6 on loopback");

withZone("options may name channels and groups that only DNS knows", async () => {
  await using zone = await dnsZone({ "web.test": ["127.0.0.2", "127.0.0.3"] }, [
    "_x._tcp.web.test,web.test,1,0,0",
    "_x._tcp.web.test,web.test,2,1,0",
  ]);
  const argv = ["-f", "--dump-file", "/dev/null", "--dump-channel", "0.1", "--schedule", "1=least"];
  await using balance = await startControlled(
    [...argv, "PORT", "web.test*:9", "_x._tcp.web.test"],
    { before: zone.before },
  );
  assertMatch(await talk(balance.socket, "show\n"), /^ +1 +Lst +0 ENA +127.0.0.[23] +2 /m);
});

withZone("50 addresses and 50 SRV records fit if they may, else the first ones count", async () => {
  const zone = await dnsZone({});
  await using _zone = zone;
  const fifty = Array.from({ length: 50 }, (_, i) => `${zone.network}.${i + 1}`);
  await zone.set({ "web.test": fifty, "one.test": fifty.slice(0, 1) });
  await zone.restart(fifty.map((_, i) => `_x._tcp.web.test,one.test,${i + 1000},0,1`));
  for (const max of [16, 50]) {
    const argv = ["-f", "--max-channels", `${max}`, "--resolve", "ttl", "PORT"];
    const words = [...argv, "web.test*:9", "!", "_x._tcp.web.test"];
    await using balance = await startControlled(words, { ...SERVED, before: zone.before });
    const rows = await showRows(balance.socket);
    assertEquals(rows.length, 2 * max);
    const expected = fifty.slice(0, max).map((address, i) => `0.${i} ENA ${address}:9`).join(", ");
    assertEquals((await channels(balance)).slice(0, expected.length), expected);
    const asked = zone.asked("web.test");
    await until(() => zone.asked("web.test") > asked + 8, { timeoutMs: 20_000 });
    const line = `of which 16 fit (--max-channels 16)`;
    assertEquals(balance.stderr.split(line).length - 1, max === 16 ? 2 : 0, balance.stderr);
  }
});

withZone("without --resolve, NAME* and SRV records are resolved once, at the start", async () => {
  await using zone = await dnsZone({});
  const port = freePort(), host = `${zone.network}.1`;
  await zone.set({ "web.test": [host] });
  await zone.restart([`_x._tcp.web.test,web.test,${port},0,0`]);
  await using balance = await startControlled([
    "-f",
    "PORT",
    `web.test*:${port}`,
    "_x._tcp.web.test",
  ], {
    before: zone.before,
  });
  assertEquals(await channels(balance), `0.0 ENA ${host}:${port}, 0.1 ENA ${host}:${port}`);
});

withZone("a service takes no port, and a name that does not exist is an error", async () => {
  const port = await runBalance(["-f", "PORT", "_x._tcp.web.test:80"]);
  assertEquals([port.code, port.stderr], [
    64,
    "invalid port [80] in channel [_x._tcp.web.test:80]: " +
    "the port of a service comes from its SRV records, exiting.\n",
  ]);
  const name = await runBalance(["-f", "PORT", "no.such.host.invalid*"]);
  assertEquals([name.code, name.stderr], [
    65,
    "unknown or invalid address [no.such.host.invalid*]: unknown name\n",
  ]);
});
