/** Names whose addresses change, with the real dnsmasq. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { channelsOf } from "../../helpers/names/channels_of.ts";
import { dnsZone, withZone } from "../../helpers/names/dns_zone.ts";
import { echo, named } from "../../helpers/net/backends.ts";
import { ask, connect, readExactly } from "../../helpers/net/client.ts";
import { showRows, talk } from "../../helpers/net/control_socket.ts";
import { freePort } from "../../helpers/net/ports.ts";
import { linesOf } from "../../helpers/log/log_file.ts";
import { type Controlled, startControlled } from "../../helpers/program/start_controlled.ts";
import { later, until } from "../../helpers/t.ts";

/** The channels as `show` prints them. */
function channels({ socket }: Controlled): Promise<string> {
  return channelsOf(socket);
}

/** Connects clients one after the other until it is ended; a client that gets no answer is an error. */
function storm(port: number) {
  const answers: string[] = [];
  let isOver = false;
  async function client(): Promise<void> {
    while (!isOver) answers.push(await ask(port));
  }
  const all = later(Promise.all(Array.from({ length: 4 }, client)));
  return {
    answers,
    /** Waits until clients that start from now on get these answers only. */
    async untilOnly(names: readonly string[]): Promise<void> {
      await until(() => {
        const last = answers.slice(-40);
        return answers.length >= 40 && last.every((one) => names.includes(one)) &&
          names.every((one) => last.includes(one));
      }, { timeoutMs: 15_000, what: () => `${names}, there are ${answers.slice(-40)}` });
    },
    async end(): Promise<void> {
      isOver = true;
      await all;
      assertEquals(answers.filter((one) => !/^[A-Z]$/.test(one)), []);
    },
  };
}

const SERVED = { expectStderr: "any" } as const;
withZone("a name with another address moves its channel under load, without an error", async () => {
  await using zone = await dnsZone({});
  const port = freePort(), [first, second] = [`${zone.network}.1`, `${zone.network}.2`];
  await using _a = named("A", { hostname: first, port });
  await using _b = named("B", { hostname: second, port });
  await using _echo = echo({ hostname: first, port: port + 1 });
  await zone.set({ "web.test": [first], "echo.test": [first] });
  const folder = await Deno.makeTempDir({ prefix: "balance-test-" }), log = `${folder}/log`;
  await using stack = new AsyncDisposableStack();
  stack.defer(() => Deno.remove(folder, { recursive: true }));
  const argv = ["-f", "--resolve", "1", "--log", log, "PORT", `web.test:${port}`];
  await using balance = await startControlled(argv, { ...SERVED, before: zone.before });
  const clients = storm(balance.port);
  await clients.untilOnly(["A"]);
  await zone.set({ "web.test": [second], "echo.test": [first] });
  await clients.untilOnly(["B"]);
  await clients.end();
  assertEquals(await channels(balance), `0.0 ENA ${second}:${port}`);
  assertMatch(balance.stderr, new RegExp(`^name web.test: ${first} is now ${second}\n$`));
  // Each line has the address that the connection had.
  await balance.stop();
  const ends = linesOf(log).map((line) => /backend=(\S+)/.exec(line)?.[1]);
  const count = (address: string) => ends.filter((one) => one === `${address}:${port}`).length;
  const answers = (name: string) => clients.answers.filter((one) => one === name).length;
  assertEquals([count(first), count(second)], [answers("A"), answers("B")]);
});

withZone("open connections keep their address, which conns, log and dump name", async () => {
  await using zone = await dnsZone({});
  const port = freePort(), [first, second] = [`${zone.network}.1`, `${zone.network}.2`];
  await using _a = echo({ hostname: first, port });
  await using _b = echo({ hostname: second, port });
  await zone.set({ "web.test": [first] });
  const dump = await Deno.makeTempFile({ prefix: "balance-test-" });
  await using stack = new AsyncDisposableStack();
  stack.defer(() => Deno.remove(dump));
  const dumping = ["--dump-file", dump, "--dump-format", "json"];
  const argv = ["-f", "--resolve", "1", "--log", "-", ...dumping, "PORT", `web.test:${port}`];
  await using balance = await startControlled(argv, { ...SERVED, before: zone.before });
  {
    await using old = await connect(balance.port);
    await old.send("1");
    assertEquals(new TextDecoder().decode(await readExactly(old, 1)), "1");
    await zone.set({ "web.test": [second] });
    await until(async () => await channels(balance) === `0.0 ENA ${second}:${port}`);
    await using recent = await connect(balance.port);
    await recent.send("2");
    await readExactly(recent, 1);
    await old.send("3");
    assertEquals(new TextDecoder().decode(await readExactly(old, 1)), "3");
    const conns = await talk(balance.socket, "conns\n");
    assertMatch(conns, new RegExp(`${first}:${port}[^]*${second}:${port}`));
    assertEquals((await showRows(balance.socket))[0]?.c, 2);
  }
  const records = () => linesOf(dump).map((line) => JSON.parse(line));
  await until(() => records().filter(({ type }) => type === "end").length >= 2);
  const dumped = records().filter(({ backend }) => backend !== undefined)
    .map(({ connection, backend }) => `${connection} ${backend}`);
  assertEquals([...new Set(dumped)], [`1 ${first}:${port}`, `2 ${second}:${port}`]);
  await balance.waitForStdout(new RegExp(`backend=${first}:${port}`));
  await balance.waitForStdout(new RegExp(`backend=${second}:${port}`));
});

withZone("NAME* follows additions and removals under load, and removed ones drain", async () => {
  await using zone = await dnsZone({});
  const port = freePort(), at = (n: number) => `${zone.network}.${n}`;
  await using _a = echo({ hostname: at(1), port });
  await using _b = named("B", { hostname: at(2), port });
  await using _c = named("C", { hostname: at(3), port });
  await using _d = named("D", { hostname: at(4), port });
  await zone.set({ "web.test": [at(1)] });
  const argv = ["-f", "--resolve", "1", "PORT", `web.test*:${port}:50,weight=3`];
  await using balance = await startControlled(argv, { ...SERVED, before: zone.before });
  await using open = await connect(balance.port);
  await open.send("1");
  await readExactly(open, 1);
  await zone.set({ "web.test": [at(2), at(3)] });
  await until(async () => (await channels(balance)).includes(`ENA ${at(3)}:${port}`));
  const clients = storm(balance.port);
  await clients.untilOnly(["B", "C"]);
  await zone.set({ "web.test": [at(4), at(2), at(3)] });
  await clients.untilOnly(["B", "C", "D"]);
  await zone.set({ "web.test": [at(4)] });
  await clients.untilOnly(["D"]);
  await clients.end();
  // The connection to the first one goes on; the others have disappeared.
  await open.send("2");
  await readExactly(open, 1);
  await until(async () =>
    await channels(balance) === `0.0 ENA ${at(4)}:${port}, 0.1 drn ${at(1)}:${port}`
  );
  assertEquals((await showRows(balance.socket))[0]?.maxc, 50);
  assertMatch(await talk(balance.socket, "show --json\n"), /"weight":3/);
  await open.close();
  await until(async () => await channels(balance) === `0.0 ENA ${at(4)}:${port}`);
});

withZone("SRV records give ports, weights and groups, and are followed", async () => {
  await using zone = await dnsZone({}, []);
  const ports = [freePort(), freePort(), freePort()] as const, host = `${zone.network}.1`;
  await using a = named("A", { hostname: host, port: ports[0] });
  await using _b = named("B", { hostname: host, port: ports[1] });
  await using _c = named("C", { hostname: host, port: ports[2] });
  await zone.set({ "one.test": [host] });
  const record = (port: number, priority: number, weight: number) =>
    `_http._tcp.web.test,one.test,${port},${priority},${weight}`;
  await zone.restart([record(ports[0], 10, 30), record(ports[1], 20, 0)]);
  const argv = ["-f", "--resolve", "1", "PORT", "_http._tcp.web.test"];
  await using balance = await startControlled(argv, { ...SERVED, before: zone.before });
  assertEquals(
    await channels(balance),
    `0.0 ENA ${host}:${ports[0]}, 1.0 ENA ${host}:${ports[1]}`,
  );
  assertMatch(await talk(balance.socket, "show --json\n"), /"weight":30,.*"weight":1,/);
  assertEquals(await ask(balance.port), "A");
  await a.stop();
  assertEquals(await ask(balance.port), "B");
  await zone.restart([record(ports[1], 1, 65535), record(ports[2], 1, 65535)]);
  await until(async () =>
    await channels(balance) ===
      [ports[1], ports[2]].toSorted((x, y) => x - y)
        .map((port, i) => `0.${i} ENA ${host}:${port}`).join(", ")
  );
  assertMatch(await talk(balance.socket, "show --json\n"), /"weight":256,.*"weight":256,/);
  const clients = storm(balance.port);
  await clients.untilOnly(["B", "C"]);
  await clients.end();
});

withZone("the last good answer stays when DNS fails, with one line at either end", async () => {
  await using zone = await dnsZone({});
  const port = freePort(), host = `${zone.network}.1`;
  await using _a = named("A", { hostname: host, port });
  await zone.set({ "web.test": [host] });
  const argv = ["-f", "--resolve", "1", "PORT", `web.test*:${port}`];
  await using balance = await startControlled(argv, { ...SERVED, before: zone.before });
  const clients = storm(balance.port);
  await clients.untilOnly(["A"]);
  for (const fail of [() => zone.set({}), () => zone.stop(), () => zone.halt()]) {
    await fail();
    await balance.waitForStderr(
      new RegExp(`name web.test\\* cannot be resolved: .*; keeping ${host}\n$`),
      20_000,
    );
    assertEquals(await channels(balance), `0.0 ENA ${host}:${port}`);
    await zone.stop();
    await zone.set({ "web.test": [host] });
    await zone.restart();
    await balance.waitForStderr(/name web.test\* is resolved again\n$/, 20_000);
  }
  await clients.untilOnly(["A"]);
  await clients.end();
  assertEquals(balance.stderr.split("\n").length, 7);
});

withZone("a failed connect asks for the name again at once", async () => {
  await using zone = await dnsZone({});
  const port = freePort(), [first, second] = [`${zone.network}.1`, `${zone.network}.2`];
  await using a = named("A", { hostname: first, port });
  await using _b = named("B", { hostname: second, port });
  await zone.set({ "web.test": [first] });
  const argv = ["-f", "--resolve", "3600", "--wait", "10", "PORT", `web.test:${port}`];
  await using balance = await startControlled(argv, { ...SERVED, before: zone.before });
  assertEquals(await ask(balance.port), "A");
  await zone.set({ "web.test": [second] });
  await a.stop();
  const asked = zone.asked("web.test"), start = performance.now();
  assertEquals(await ask(balance.port), "B");
  assert(performance.now() - start < 3000, "asked late");
  // One question is two for dnsmasq: A and AAAA.
  assert(zone.asked("web.test") - asked <= 2 * 3, "asked more often than once a second");
});

withZone("a channel without an address is named in the metrics, until it has one", async () => {
  await using zone = await dnsZone({});
  const port = freePort(), host = `${zone.network}.1`, metrics = freePort();
  const argv = ["-f", "--resolve", "1", "--metrics", `${metrics}`, "PORT", `web.test:${port}`];
  await using balance = await startControlled(argv, { ...SERVED, before: zone.before });
  const up = async () => {
    const page = await (await fetch(`http://127.0.0.1:${metrics}/metrics`)).text();
    return page.split("\n").filter((line) => line.startsWith("balance_channel_up{"));
  };
  const labels = `balance_channel_up{group="0",channel="0",backend=`;
  assertEquals(await up(), [`${labels}"-:${port}"} 0`]);
  await zone.set({ "web.test": [host] });
  await until(async () => (await channels(balance)).includes(host));
  assertEquals(await up(), [`${labels}"${host}:${port}"} 1`]);
});

withZone("a client that waits is served as soon as the name has an address", async () => {
  await using zone = await dnsZone({});
  const port = freePort(), host = `${zone.network}.1`;
  await using _a = named("A", { hostname: host, port });
  for (const channel of [`web.test:${port}`, `web.test*:${port}`]) {
    await zone.set({});
    const argv = ["-f", "--resolve", "1", "--wait", "60", "PORT", channel];
    await using balance = await startControlled(argv, { ...SERVED, before: zone.before });
    const answer = later(ask(balance.port));
    await until(async () => (await talk(balance.socket, "conns\n")).includes("waiting"));
    await zone.set({ "web.test": [host] });
    assertEquals(await answer, "A");
  }
});
