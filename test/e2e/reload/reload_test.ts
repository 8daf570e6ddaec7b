/** The configuration file is read again: all of it, or nothing. */

import { assertEquals, assertMatch } from "@std/assert";
import { namedBackends } from "../../helpers/net/backends.ts";
import { ask, connect, readText } from "../../helpers/net/client.ts";
import { startConfigured } from "../../helpers/reload/start_configured.ts";
import { t, until } from "../../helpers/t.ts";

t("SIGHUP without a terminal reloads, and reports in one line what has changed", async () => {
  await using backends = namedBackends(3);
  const [a, b, c] = backends.addresses as [string, string, string];
  await using web = await startConfigured([a, b], { newSession: true });
  web.write(c, `${b}:7`);
  web.balance.kill("SIGHUP");
  await web.balance.waitForStderr(/reloaded: .*\n/);
  assertEquals(web.balance.stderr, "balance: reloaded: 1 channel added, 1 removed, 1 changed\n");
  assertEquals(await web.show(), [`0.0 ENA ${c} c=0`, `0.1 ENA ${b} c=0`]);
  const answers = [await ask(web.balance.port), await ask(web.balance.port)];
  assertEquals(answers.sort(), ["B1", "B2"]);
});

t("a file that is wrong changes nothing, and the reply names the line", async () => {
  await using backends = namedBackends(2);
  const [a, b] = backends.addresses as [string, string];
  await using web = await startConfigured([a, b]);
  const before = await web.show();
  const wrong: [string[], RegExp][] = [
    [[b, "no-such-host.invalid"], /web\.conf:2: unknown or invalid address \[no-such-host/],
    [[b, "intervall 3"], /web\.conf:2: unrecognized option 'intervall'/],
    [[b, "!", "!"], /no channels in group/],
    [[b, `${a}:80:99:x`, "check bogus"], /web\.conf:3: invalid --check \[bogus\]/],
    [[`${b},check=exec:/bin/true`], /exec check/],
    [Array(17).fill(a), /MAXCHANNELS exceeded/],
    [
      ["max-channels 20", ...Array(17).fill(a)],
      /17 channels in group 0, but --max-channels was 16/,
    ],
  ];
  for (const [lines, reason] of wrong) {
    const reply = await web.reload(...lines);
    assertMatch(reply, /^reload failed, nothing has changed: [^\n]+$/);
    assertMatch(reply, reason);
    assertEquals(await web.show(), before);
    await until(() => web.balance.stderr.endsWith(`balance: ${reply}\n`), { what: reply });
  }
  Deno.removeSync(web.path);
  assertMatch(await web.control("reload"), /can't read configuration file .*No such file/);
  assertEquals(await web.show(), before);
  assertEquals(await web.reload(b), "reloaded: 1 channel removed");
});

t("a removed channel drains: its connection stays open, and it is gone afterwards", async () => {
  await using backends = namedBackends(2);
  const [a, b] = backends.addresses as [string, string];
  await using web = await startConfigured([a, b]);
  await using client = await connect(web.balance.port);
  assertEquals(await readText(client, 3), "B0\n");
  assertEquals(await web.reload(b), "reloaded: 1 channel removed");
  assertEquals(await web.show(), [`0.0 ENA ${b} c=0`, `0.1 drn ${a} c=1`]);
  assertEquals([await ask(web.balance.port), await ask(web.balance.port)], ["B1", "B1"]);
  assertMatch(await web.control("conns"), / 0\.1 /);
  assertEquals(await web.control("enable 1"), "channel 1 was removed by a reload\n");
  await client.send("still");
  assertEquals(await readText(client, 5), "still");
  await client.close();
  await until(async () => (await web.show()).length === 1, { what: "the end of the channel" });
});

t("drain and close of a removed channel work, and find its connections", async () => {
  await using backends = namedBackends(2);
  const [a, b] = backends.addresses as [string, string];
  await using web = await startConfigured([a, b]);
  await using client = await connect(web.balance.port);
  await readText(client, 3);
  await web.reload(b);
  assertMatch(await web.control("drain 0.1 0"), /1 connection closed at the deadline/);
  await using other = await connect(web.balance.port);
  assertEquals(await readText(other, 3), "B1\n");
  await web.reload(a, b);
  assertEquals(await web.control("close channel 0.0"), "0 connections of channel 0.0 closed\n");
  assertEquals(await web.control("close channel 0.1"), "1 connection of channel 0.1 closed\n");
});

t("a full table is replaced at once while all of its channels have connections", async () => {
  await using backends = namedBackends(32);
  const channels = backends.addresses.map((address) => `${address}:1`);
  await using web = await startConfigured(channels.slice(0, 16));
  const clients = await Promise.all(Array.from({ length: 16 }, () => connect(web.balance.port)));
  for (const client of clients) await readText(client, 2);
  assertEquals(await web.reload(...channels.slice(16)), "reloaded: 16 channels added, 16 removed");
  assertEquals((await web.show()).length, 32);
  assertMatch(await web.control("version"), /MAXCHANNELS=16\n/);
  assertEquals(await web.control(`create 127.0.0.1 9`), "no channel slots available\n");
  assertMatch(await ask(web.balance.port), /^B(1[6-9]|2\d|3[01])$/);
  for (const client of clients) await client.close();
  await until(async () => (await web.show()).length === 16, { what: "16 channels" });
});

t("what an operator has changed stays, what the file has changed applies", async () => {
  await using backends = namedBackends(3);
  const [a, b, c] = backends.addresses as [string, string, string];
  await using web = await startConfigured([`${a}:3`, `${b}:3`]);
  await web.control("disable 0\nmaxc 0 5\nmaxc 1 5\ndisable 1\nremove 1");
  const [host, port] = c.split(":");
  await web.control(`create ${host} ${port}\nenable 1`);
  assertEquals(await web.reload(`${b}:3`, `${a}:3`), "reloaded: 1 channel added");
  const rows = JSON.parse(await web.control("show --json")) as {
    port: number;
    state: string;
    maxc: number;
  }[];
  assertEquals(rows.map((row) => [`127.0.0.1:${row.port}`, row.state, row.maxc]), [
    [b, "enabled", 3],
    [a, "disabled", 5],
    [c, "enabled", 0],
  ]);
});

t("options that may change apply, and the others are named in one line", async () => {
  await using backends = namedBackends(1);
  const a = backends.addresses[0]!;
  await using web = await startConfigured(["idle-timeout 60", a]);
  await using client = await connect(web.balance.port);
  await readText(client, 3);
  const reply = await web.reload("idle-timeout 1", "max-groups 3", "log syslog", "grace 3", a);
  const text =
    "reloaded: idle-timeout, grace changed (max-groups, log need a takeover or a restart)";
  assertEquals(reply, text);
  await web.balance.waitForStderr(/^balance: reloaded: .* \(max-groups, log need a takeover/m);
  // It applies to a connection that is open.
  assertEquals(await client.read(new Uint8Array(1)), null);
  await web.balance.waitForStderr(/timed out after 1 seconds/);
});

t("for another address, a takeover does not suffice", async () => {
  await using backends = namedBackends(1);
  const a = backends.addresses[0]!;
  await using web = await startConfigured([a]);
  const reply = await web.reload("bind 127.0.0.1", "max-channels 32", a);
  assertEquals(reply, "reloaded: nothing has changed (bind, max-channels need a restart)");
});

t("a client that waits gets a channel that a reload adds", async () => {
  await using backends = namedBackends(2);
  const [a, b] = backends.addresses as [string, string];
  await using web = await startConfigured(["wait 30", `${a}:1`]);
  await using client = await connect(web.balance.port);
  assertEquals(await readText(client, 3), "B0\n");
  const waiting = ask(web.balance.port);
  await until(async () => (await web.control("conns")).includes("waiting"), { what: "a waiter" });
  assertEquals(await web.reload("wait 30", `${b}:1`), "reloaded: 1 channel added, 1 removed");
  assertEquals(await waiting, "B1");
});

t("reload needs --config, and is refused during a shutdown", async () => {
  await using backends = namedBackends(1);
  const a = backends.addresses[0]!;
  await using web = await startConfigured([a]);
  await using client = await connect(web.balance.port);
  await readText(client, 3);
  web.balance.kill("SIGTERM");
  const stopping = "reload failed, nothing has changed: balance is shutting down\n";
  await until(async () => await web.control("reload") === stopping, { what: stopping });
  await client.close();
  assertEquals((await web.balance.ended).code, 0);
});

t("reloads that are requested at once run one after the other", async () => {
  await using backends = namedBackends(2);
  const [a, b] = backends.addresses as [string, string];
  await using web = await startConfigured([a]);
  web.write(a, b);
  const replies = await Promise.all(Array.from({ length: 5 }, () => web.control("reload")));
  assertEquals(replies.sort(), [
    "reloaded: 1 channel added\n",
    ...Array(4).fill("reloaded: nothing has changed\n"),
  ]);
});
