/** Names at a reload, with the real dnsmasq. */
import { assertEquals, assertMatch } from "@std/assert";
import { channelsOf } from "../../helpers/names/channels_of.ts";
import { dnsZone, withZone } from "../../helpers/names/dns_zone.ts";
import { talk } from "../../helpers/net/control_socket.ts";
import { startControlled } from "../../helpers/program/start_controlled.ts";
import { until } from "../../helpers/t.ts";

/** A configuration file. */
async function file(lines: readonly string[]) {
  const path = await Deno.makeTempFile({ prefix: "balance-test-", suffix: ".conf" });
  const write = (next: readonly string[]) => Deno.writeTextFile(path, next.join("\n") + "\n");
  await write(lines);
  return { path, write, [Symbol.asyncDispose]: () => Deno.remove(path) };
}

withZone("a reload resolves all names, and changes nothing if one has no address", async () => {
  await using zone = await dnsZone({ "web.test": ["127.0.0.2"], "old.test": ["127.0.0.3"] });
  await using config = await file(["web.test*:9", "old.test:9"]);
  await using balance = await startControlled(["-f", "--config", config.path, "PORT"], {
    ...{ before: zone.before, expectStderr: "any" },
  });
  const shown = () => channelsOf(balance.socket);
  const reload = () => talk(balance.socket, "reload\n");
  assertEquals(await shown(), "0.0 ENA 127.0.0.2:9, 0.1 ENA 127.0.0.3:9");
  await zone.set({ "web.test": ["127.0.0.5", "127.0.0.2"], "old.test": ["127.0.0.4"] });
  await reload();
  const moved = "0.0 ENA 127.0.0.2:9, 0.1 ENA 127.0.0.5:9, 0.2 ENA 127.0.0.4:9";
  assertEquals(await shown(), moved);
  await config.write(["web.test*:9", "none.test:9"]);
  assertMatch(await reload(), /nothing has changed: .*unknown or invalid address \[none\.test\]/);
  assertEquals(await shown(), moved);
});

withZone(
  "a reload that adds --resolve follows names, and one that removes it no longer",
  async () => {
    await using zone = await dnsZone({ "web.test": ["127.0.0.2"] });
    await using config = await file(["web.test*:9"]);
    await using balance = await startControlled(["-f", "--config", config.path, "PORT"], {
      ...{ before: zone.before, expectStderr: "any" },
    });
    const shown = () => channelsOf(balance.socket);
    await config.write(["resolve 1", "web.test*:9", "none.test:9"]);
    await talk(balance.socket, "reload\n");
    assertEquals(await shown(), "0.0 ENA 127.0.0.2:9, 0.1 DWN -:9");
    await zone.set({ "web.test": ["127.0.0.3"], "none.test": ["127.0.0.4"] });
    const followed = "0.0 ENA 127.0.0.3:9, 0.1 ENA 127.0.0.4:9";
    await until(async () => await shown() === followed);
    await config.write(["web.test*:9", "none.test:9"]);
    await talk(balance.socket, "reload\n");
    assertEquals(await shown(), followed);
    const asked = zone.asked("web.test");
    await zone.set({ "web.test": ["127.0.0.2"] });
    await zone.restart();
    assertEquals(await shown(), followed);
    assertEquals(zone.asked("web.test"), asked);
  },
);

withZone("a file that raises --max-channels does not make names exceed the table", async () => {
  const many = Array.from({ length: 9 }, (_, i) => `127.0.0.${i + 1}`);
  await using zone = await dnsZone({ "web.test": many });
  await using config = await file(["max-channels 3", "web.test*:9"]);
  await using balance = await startControlled(["-f", "--config", config.path, "PORT"], {
    ...{ before: zone.before, expectStderr: "any" },
  });
  await config.write(["max-channels 5", "web.test*:8"]);
  await talk(balance.socket, "reload\n");
  const shown = await channelsOf(balance.socket);
  assertEquals(shown, "0.0 ENA 127.0.0.1:8, 0.1 ENA 127.0.0.2:8, 0.2 ENA 127.0.0.3:8");
});

withZone("what an operator has changed stays when the addresses of names change", async () => {
  await using zone = await dnsZone({ "web.test": ["127.0.0.2", "127.0.0.3", "127.0.0.4"] });
  await using balance = await startControlled(["-f", "--resolve", "1", "PORT", "web.test*:9"], {
    ...{ before: zone.before, expectStderr: "any" },
  });
  const shown = () => channelsOf(balance.socket);
  for (const line of ["disable 0", "maxc 1 7", "create 127.0.0.9 9", "disable 2", "remove 2"]) {
    await talk(balance.socket, `${line}\n`);
  }
  await zone.set({ "web.test": ["127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4"] });
  const expected = "0.0 ENA 127.0.0.1:9, 0.1 dis 127.0.0.2:9, 0.2 ENA 127.0.0.3:9";
  await until(async () => (await shown()).startsWith(expected));
  assertEquals(await shown(), `${expected}, 0.3 dis 127.0.0.9:9`);
  assertMatch(await talk(balance.socket, "show --json\n"), /"address":"127.0.0.3",[^}]*"maxc":7/);
});
