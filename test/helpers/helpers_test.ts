import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  backend,
  blackHole,
  canReset,
  closing,
  drained,
  echo,
  hasIpv6,
  named,
  namedBackends,
  refusing,
  resetting,
  stalledReader,
} from "./net/backends.ts";
import {
  ask,
  canBindSource,
  connect,
  distribution,
  hashToEnd,
  readExactly,
  readText,
  readToEnd,
  refused,
  sequence,
  tally,
} from "./net/client.ts";
import { randomBytes, sha256 } from "./bytes.ts";
import {
  assertRecorded,
  bytesFromBase64,
  bytesFromLatin1,
  latin1FromBytes,
  loadGolden,
  portMap,
  recordedBackends,
  VERSION,
  withoutDeviations,
} from "./golden/golden.ts";
import { listensOn } from "./net/tcp_sockets.ts";
import { runBalance, startBalance } from "./program/start_balance.ts";
import { later, skip, t, tool, until, within } from "./t.ts";
import { freePort } from "./net/ports.ts";

t("until() returns what the condition gives, and fails with its name when it is late", async () => {
  let looks = 0;
  assertEquals(await until(() => ++looks === 3 && "here", { everyMs: 1 }), "here");
  await assertRejects(
    () => until(() => false, { timeoutMs: 5, everyMs: 1, what: "rain" }),
    Error,
    "Waited 5 ms in vain for rain",
  );
});

t("within() gives the result, or fails and frees what is waited for", async () => {
  assertEquals(await within(Promise.resolve(7), { timeoutMs: 1000, what: "seven" }), 7);
  const forever = Promise.withResolvers<void>();
  await assertRejects(
    () =>
      within(forever.promise, {
        timeoutMs: 5,
        what: "nothing",
        onTimeout: () => forever.reject(new Error("late")),
      }),
    Error,
    "in vain for nothing",
  );
});

t("tool() finds programs, and undefined for those that are not there", () => {
  assertEquals(tool("sh")?.endsWith("/sh"), true);
  assertEquals(tool("no-such-program-anywhere"), undefined);
});

t("freePort() gives five digits below the ephemeral ports, never one twice", () => {
  const ports = Array.from({ length: 20 }, () => freePort());
  assertEquals(new Set(ports).size, 20);
  assert(ports.every((port) => port >= 10000 && port <= 31999), String(ports));
});

t("listensOn() sees a listener, and whose it is", async () => {
  const port = freePort();
  assertEquals(listensOn(port), false);
  const listener = Deno.listen({ hostname: "127.0.0.1", port });
  assertEquals(listensOn(port), true);
  assertEquals(listensOn(port, Deno.pid), true);
  assertEquals(listensOn(port, 1), false);
  listener.close();
  // A test beside this one may take the free port for a moment.
  await until(() => !listensOn(port), { what: "the listener to go" });
});

t("named() greets first, echoes, counts, and knows its clients", async () => {
  await using b1 = named("B1");
  assertEquals(await ask(b1.port), "B1");
  {
    await using client = await connect(b1.port);
    await client.send("hello");
    assertEquals(await readText(client, 8), "B1\nhello");
    assertEquals(b1.open, 1);
  }
  await drained(b1);
  assertEquals([b1.accepted, b1.peers], [2, ["127.0.0.1", "127.0.0.1"]]);
});

t("namedBackends() are named by their index and have addresses for arguments", async () => {
  await using backends = namedBackends(2);
  assertEquals(await ask(backends.at(1).port), "B1");
  assertEquals(backends.addresses[0], `127.0.0.1:${backends.at(0).port}`);
  assertThrows(() => backends.at(2), RangeError, "No backend 2");
});

t("backend() ends its open connections when it is stopped", async () => {
  const one = echo();
  await using client = await connect(one.port);
  await client.send("x");
  assertEquals(await readText(client, 1), "x");
  await one.stop();
  assertEquals((await readToEnd(client)).text, "");
  await one.stop();
  await refused(one.port);
});

t("backend() throws again what its handler could not know as a network error", async () => {
  const one = backend(() => Promise.reject(new Error("assertion")));
  await using client = await connect(one.port);
  await readToEnd(client);
  await assertRejects(() => one.stop(), Error, "assertion");
});

if (hasIpv6) {
  t("backend() writes an IPv6 address in brackets", async () => {
    await using one = named("six", { hostname: "::1" });
    assertEquals(one.address, `[::1]:${one.port}`);
    assertEquals(await ask(one.port, { hostname: "::1" }), "six");
  });
} else {
  skip("backend() writes an IPv6 address in brackets", "no IPv6 on this machine");
}

t("closing() gives an end without a byte", async () => {
  await using one = closing();
  assertEquals(await ask(one.port), "EOF");
});

t("refusing() refuses, and blackHole() does not answer", async () => {
  await using dead = refusing();
  await assertRejects(() => connect(dead.port), Deno.errors.ConnectionRefused);
  await using hole = await blackHole();
  const signal = AbortSignal.timeout(100);
  await assertRejects(() => Deno.connect({ hostname: "127.0.0.1", port: hole.port, signal }));
  assertEquals(signal.aborted, true);
});

t("stalledReader() reads nothing until it resumes, and then everything", async () => {
  await using one = stalledReader({ greeting: "hi\n" });
  await using client = await connect(one.port);
  assertEquals(await readText(client, 3), "hi\n");
  const sending = later(
    client.send(new Uint8Array(20_000_000)).then(() => client.closeWrite()),
  );
  assertEquals(one.totals, []);
  one.resume();
  await sending;
  await until(() => one.totals.length === 1);
  assertEquals(one.totals, [20_000_000]);
});

if (canReset) {
  t("resetting() and reset() end a connection by RST", async () => {
    await using backend = await resetting("data", { greeting: "hi" });
    await using client = await connect(backend.port);
    assertEquals(await readText(client, 2), "hi");
    await client.send("x");
    assertEquals(await readToEnd(client), { bytes: new Uint8Array(), text: "", end: "RST" });

    const seen = Promise.withResolvers<string>();
    await using other = backendThatReads(seen.resolve);
    await using resetter = await connect(other.port, { viaNode: true });
    await resetter.send("x");
    await resetter.reset();
    assertEquals(await seen.promise, "ConnectionReset");
  });
} else {
  skip("resetting() and reset()", "this version of Deno cannot reset connections");
}

function backendThatReads(onError: (name: string) => void) {
  return backend(async (conn) => {
    const buffer = new Uint8Array(10);
    try {
      while (await conn.read(buffer) !== null);
      onError("EOF");
    } catch (error) {
      onError((error as Error).name);
    }
  });
}

if (await canBindSource()) {
  t("connect() from a source address is seen from there", async () => {
    await using one = named("B0");
    assertEquals(await ask(one.port, { from: "127.0.0.9" }), "B0");
    assertEquals(one.peers, ["127.0.0.9"]);
  });
} else {
  skip("connect() from a source address", "this version of Deno ignores it");
}

t("sequence(), distribution() and tally() count in order", async () => {
  await using one = named("B0");
  assertEquals(await sequence(one.port, 2), ["B0", "B0"]);
  assertEquals(await distribution(one.port, 3), "B0: 3");
  assertEquals(tally(["B10", "B2", "EOF", "B2"]), "B2: 2, B10: 1, EOF: 1");
});

t("readToEnd() and readExactly() are bounded in bytes and time", async () => {
  await using one = named("B0");
  await using greedy = await connect(one.port);
  await greedy.send("too much");
  await assertRejects(() => readToEnd(greedy, { limit: 5 }), Error, "more than 5 bytes");
  await using patient = await connect(one.port);
  await assertRejects(
    () => readExactly(patient, 100, { timeoutMs: 20 }),
    Error,
    "Waited 20 ms in vain for 100 bytes",
  );
});

t("hashToEnd() and sha256() agree on random bytes, which depend on the seed only", async () => {
  const data = randomBytes(100_001, 5);
  assertEquals(sha256(data), sha256(randomBytes(100_001, 5)));
  assert(sha256(data) !== sha256(randomBytes(100_001, 6)));
  await using one = echo();
  await using client = await connect(one.port);
  const result = later(hashToEnd(client));
  await client.send(data);
  await client.closeWrite();
  assertEquals(await result, { length: 100_001, sha256: sha256(data), end: "EOF" });
});

t("loadGolden() finds the records, and withoutDeviations() checks its list", () => {
  const records = loadGolden<{ name: string }>("close");
  assertEquals(records.length, 38);
  const [first] = records;
  assert(first);
  assertEquals(withoutDeviations(records, { [first.name]: "a reason" }).length, 37);
  assertThrows(() => withoutDeviations(records, { nonsense: "" }), Error, "nonsense");
});

t("bytes and latin-1 text convert both ways", () => {
  assertEquals(bytesFromLatin1("a\xff"), new Uint8Array([97, 255]));
  assertThrows(() => bytesFromLatin1("\u0100"), RangeError);
  assertEquals(latin1FromBytes(new Uint8Array([97, 255])), "a\xff");
  assertEquals(bytesFromBase64("YQr/"), new Uint8Array([97, 10, 255]));
});

t("portMap() translates recorded ports to free ones and back", () => {
  const ports = portMap();
  const argv = ports.argv(["-f", "21001", "127.0.0.1:21951:7", "!", "20464"]);
  assertEquals(argv, [
    "-f",
    `${ports.port(21001)}`,
    `127.0.0.1:${ports.port(21951)}:7`,
    "!",
    "20464",
  ]);
  assertEquals(ports.back(argv.join(" ")), "-f 21001 127.0.0.1:21951:7 ! 20464");
});

t("recordedBackends() plays the backends of the records", async () => {
  await using stage = recordedBackends(3);
  assertEquals(await ask(stage.ports.port(21902)), "B1");
});

t("assertRecorded() knows ports, version and placeholders", () => {
  const ports = portMap();
  assertRecorded(`balance ${VERSION} on ${ports.port(21001)}\n`, "balance 3.35 on 21001\n", {
    ports,
  });
  assertRecorded(`x: invalid\n\nbalance ${VERSION}\nusage: ...\n`, "<BALANCE>: invalid\n<USAGE>");
  assertRecorded("PID of it is 77\n", "PID of it is <PID>\n", { pid: 77 });
  assertThrows(() => assertRecorded("PID of it is 78\n", "PID of it is <PID>\n", { pid: 77 }));
  assertRecorded("  maxc <channel> <maxc>  sets it\n", "<HELPLINE maxc <channel> <maxc>>\n");
  assertThrows(() => assertRecorded("one\ntwo\n", "<HELPLINE maxc>\n"));
});

t("startBalance() gives a listening program and tells what it holds", async () => {
  await using backends = namedBackends(2);
  await using balance = await startBalance(["-f", "PORT", ...backends.addresses]);
  assertEquals(await distribution(balance.port, 4), "B0: 2, B1: 2");
  assert(balance.fds() > 3);
  assert(balance.rss() > 1_000_000);
  const { stderr } = await balance.stop();
  assertEquals(stderr, "");
  await refused(balance.port);
});

t("startBalance() reports why the program did not start", async () => {
  await using taken = named("B0", { hostname: "0.0.0.0" });
  const argv = ["-f", "PORT", taken.address];
  await assertRejects(
    () => startBalance(argv, { port: taken.port }),
    Error,
    "code 69, stderr: balance: can't bind",
  );
  await assertRejects(() => startBalance(["-f", "8080"]), TypeError, "no PORT");
});

t("startBalance() fails a test whose program wrote to stderr unexpectedly", async () => {
  await using one = named("B0");
  const argv = ["-f", "-d", "PORT", one.address];
  const loud = await startBalance(argv);
  await loud.waitForStderr(/./);
  await assertRejects(() => loud[Symbol.asyncDispose](), Error, "balance wrote to stderr");
  await using _expected = await startBalance(argv, { expectStderr: /\d/ });
});

t("runBalance() returns code and output of a run that ends by itself", async () => {
  const { code, stdout, stderr } = await runBalance([]);
  assertEquals([code, stdout], [64, ""]);
  assertRecorded(stderr, "<USAGE>");
  await assertRejects(
    () => runBalance(["-f", "PORT"], { timeoutMs: 300 }),
    Error,
    "Waited 300 ms in vain for balance -f PORT to end",
  );
});
