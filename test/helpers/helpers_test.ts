import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
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
import { deadPort, freePort } from "./net/ports.ts";
import { listensOn } from "./net/tcp_sockets.ts";
import { isAlive } from "./program/process.ts";
import { runBalance, startBalance } from "./program/start_balance.ts";
import { later, skip, t, tool, until, untilStill, within } from "./t.ts";
import { namesIn, tempDir } from "./temp_dir.ts";

t("until() returns the result of the condition, and names it on a timeout", async () => {
  let polls = 0;
  assertEquals(await until(() => ++polls === 3 && "here", { everyMs: 1 }), "here");
  await assertRejects(
    () => until(() => false, { timeoutMs: 5, everyMs: 1, what: "rain" }),
    Error,
    "Waited 5 ms in vain for rain",
  );
});

t("untilStill() returns a value that has not changed for several looks, and never 0", async () => {
  const values = [0, 0, 0, 1, 2, 2, 2, 3];
  let looks = 0;
  const value = await untilStill(() => values[looks++]!, { looks: 2, everyMs: 1, what: "values" });
  assertEquals([value, looks], [2, 7]);
  await assertRejects(
    () => untilStill(() => ++looks, { everyMs: 1, timeoutMs: 5, what: "a counter" }),
    Error,
    "in vain for a counter, at ",
  );
});

t("within() returns the result, or fails and calls onTimeout()", async () => {
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

t("tool() finds installed programs only", () => {
  assertEquals(tool("sh")?.endsWith("/sh"), true);
  assertEquals(tool("no-such-program-anywhere"), undefined);
});

t(
  "freePort() and deadPort() return ports that differ, in two ranges without outgoing ports",
  () => {
    const free = Array.from({ length: 50 }, () => freePort());
    assertEquals(new Set(free).size, 50);
    assert(free.every((port) => port >= 10000 && port <= 31999), String(free));
    const dead = Array.from({ length: 20 }, () => deadPort());
    assertEquals(new Set(dead).size, 20);
    assert(dead.every((port) => port >= 61000 && port <= 64999), String(dead));
  },
);

/** The next 100 free ports of another test file. @param random What Math.random() returns. */
async function portsOfWorker(random?: number): Promise<number[]> {
  const stub = random === undefined ? "" : `Math.random = () => ${random};`;
  const code = `${stub}
    const { freePort } = await import(${JSON.stringify(import.meta.resolve("./net/ports.ts"))});
    postMessage(Array.from({ length: 100 }, () => freePort()));`;
  const worker = new Worker(`data:text/javascript,${encodeURIComponent(code)}`, { type: "module" });
  const ports = await new Promise<number[]>((resolve) =>
    worker.onmessage = (event) => resolve(event.data)
  );
  worker.terminate();
  return ports;
}

t("freePort() returns no port that a golden record contains", async () => {
  for (const random of [0.5, 0.51, 0.55, 0.59]) {
    const ports = await portsOfWorker(random);
    assert(!ports.some((port) => port >= 20000 && port < 22000), String(ports));
  }
});

t("a worker never gets the ports of this test file", async () => {
  const theirs = await portsOfWorker();
  const own = new Set(Array.from({ length: 199 }, () => freePort()));
  assertEquals(theirs.filter((port) => own.has(port)), []);
});

t("listensOn() finds a listener, and its process", async () => {
  const port = freePort();
  assertEquals(listensOn(port), false);
  const listener = Deno.listen({ hostname: "127.0.0.1", port });
  assertEquals(listensOn(port), true);
  assertEquals(listensOn(port, Deno.pid), true);
  assertEquals(listensOn(port, 1), false);
  listener.close();
  await until(() => !listensOn(port), { what: "the listener to be gone" });
});

t("tempDir() is removed with its content", () => {
  let path: string;
  {
    using dir = tempDir();
    path = dir.path;
    Deno.writeTextFileSync(`${path}/file`, "");
    assertEquals(namesIn(path), ["file"]);
  }
  assertThrows(() => Deno.statSync(path), Deno.errors.NotFound);
});

t("isAlive() is false for a process that has ended, waited for or not", async () => {
  const child = new Deno.Command("/bin/sh", { args: ["-c", "read line"], stdin: "piped" }).spawn();
  assertEquals(isAlive(child.pid), true);
  await child.stdin.close();
  await until(() => !isAlive(child.pid), { what: "the shell to end" });
  await child.status;
  assertEquals(isAlive(child.pid), false);
});

t("named() sends its name first, echoes, and counts its clients", async () => {
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

t("namedBackends() are named by index, and have addresses for the command line", async () => {
  await using backends = namedBackends(2);
  assertEquals(await ask(backends.at(1).port), "B1");
  assertEquals(backends.addresses[0], `127.0.0.1:${backends.at(0).port}`);
  assertThrows(() => backends.at(2), RangeError, "No backend 2");
});

t("backend() closes its open connections when it is stopped", async () => {
  const one = echo();
  await using client = await connect(one.port);
  await client.send("x");
  assertEquals(await readText(client, 1), "x");
  await one.stop();
  assertEquals((await readToEnd(client)).text, "");
  await one.stop();
  await refused(one.port);
});

t("stop() of a backend rethrows errors of the handler that are not network errors", async () => {
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

t("closing() closes without sending a byte", async () => {
  await using one = closing();
  assertEquals(await ask(one.port), "EOF");
});

t("refusing() refuses connects, and blackHole() does not answer them", async () => {
  await using dead = refusing();
  await assertRejects(() => connect(dead.port), Deno.errors.ConnectionRefused);
  await using hole = await blackHole();
  const signal = AbortSignal.timeout(100);
  await assertRejects(() => Deno.connect({ hostname: "127.0.0.1", port: hole.port, signal }));
  assertEquals(signal.aborted, true);
});

t("stalledReader() reads nothing before resume(), and then everything", async () => {
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
  t("resetting() and reset() end a connection with RST", async () => {
    await using backend = await resetting("data", { greeting: "hi" });
    await using client = await connect(backend.port);
    assertEquals(await readText(client, 2), "hi");
    await client.send("x");
    assertEquals(await readToEnd(client), { bytes: new Uint8Array(), text: "", end: "RST" });

    const read = Promise.withResolvers<void>(), seen = Promise.withResolvers<string>();
    await using other = backendThatReads({ onData: read.resolve, onEnd: seen.resolve });
    await using resetter = await connect(other.port, { viaNode: true });
    await resetter.send("x");
    // A connection that is reset before it is accepted is never seen.
    await read.promise;
    await resetter.reset();
    assertEquals(await seen.promise, "ConnectionReset");
  });
} else {
  skip("resetting() and reset()", "this version of Deno cannot reset connections");
}

function backendThatReads(
  { onData, onEnd }: { onData: () => void; onEnd: (how: string) => void },
) {
  return backend(async (conn) => {
    const buffer = new Uint8Array(10);
    try {
      while (await conn.read(buffer) !== null) onData();
      onEnd("EOF");
    } catch (error) {
      onEnd((error as Error).name);
    }
  });
}

if (await canBindSource()) {
  t("connect() from a source address: the backend sees that address", async () => {
    await using one = named("B0");
    assertEquals(await ask(one.port, { from: "127.0.0.9" }), "B0");
    assertEquals(one.peers, ["127.0.0.9"]);
  });
} else {
  skip("connect() from a source address", "this version of Deno ignores it");
}

t("sequence(), distribution() and tally() count answers by name", async () => {
  await using one = named("B0");
  assertEquals(await sequence(one.port, 2), ["B0", "B0"]);
  assertEquals(await distribution(one.port, 3), "B0: 3");
  assertEquals(tally(["B10", "B2", "EOF", "B2"]), "B2: 2, B10: 1, EOF: 1");
});

t("readToEnd() and readExactly() fail after too many bytes or too much time", async () => {
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

t("hashToEnd() and sha256() agree; randomBytes() depends on the seed only", async () => {
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

t("loadGolden() loads records, and withoutDeviations() rejects unknown names", () => {
  const records = loadGolden<{ name: string }>("close");
  assertEquals(records.length, 38);
  const [first] = records;
  assert(first);
  assertEquals(withoutDeviations(records, { [first.name]: "a reason" }).length, 37);
  assertThrows(() => withoutDeviations(records, { nonsense: "" }), Error, "nonsense");
});

t("bytes convert to Latin-1 text and back", () => {
  assertEquals(bytesFromLatin1("a\xff"), new Uint8Array([97, 255]));
  assertThrows(() => bytesFromLatin1("\u0100"), RangeError);
  assertEquals(latin1FromBytes(new Uint8Array([97, 255])), "a\xff");
  assertEquals(bytesFromBase64("YQr/"), new Uint8Array([97, 10, 255]));
});

t("portMap() translates recorded ports to free ports and back", () => {
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

t("recordedBackends() starts the backends of the records", async () => {
  await using recorded = recordedBackends(3);
  assertEquals(await ask(recorded.ports.port(21902)), "B1");
});

t("assertRecorded() translates ports and version, and matches placeholders", () => {
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

t("startBalance() returns a listening program, its descriptors and its memory", async () => {
  await using backends = namedBackends(2);
  await using balance = await startBalance(["-f", "PORT", ...backends.addresses]);
  assertEquals(await distribution(balance.port, 4), "B0: 2, B1: 2");
  assert(balance.fds() > 3);
  assert(balance.rss() > 1_000_000);
  const { stderr } = await balance.stop();
  assertEquals(stderr, "");
  await refused(balance.port);
});

t("startBalance() reports the stderr of a program that does not start", async () => {
  await using taken = named("B0", { hostname: "0.0.0.0" });
  const argv = ["-f", "PORT", taken.address];
  await assertRejects(
    () => startBalance(argv, { port: taken.port }),
    Error,
    "code 69, stderr: balance: can't bind",
  );
  await assertRejects(() => startBalance(["-f", "8080"]), TypeError, "no PORT");
});

t("startBalance() fails a test whose program writes to stderr unexpectedly", async () => {
  await using one = named("B0");
  const argv = ["-f", "-d", "PORT", one.address];
  const loud = await startBalance(argv);
  await loud.waitForStderr(/./);
  await assertRejects(() => loud[Symbol.asyncDispose](), Error, "balance wrote to stderr");
  await using _expected = await startBalance(argv, { expectStderr: /\d/ });
});

t("runBalance() returns exit code and output, and kills a program that does not end", async () => {
  const { code, stdout, stderr } = await runBalance([]);
  assertEquals([code, stdout], [64, ""]);
  assertRecorded(stderr, "<USAGE>");
  await assertRejects(
    () => runBalance(["-f", "PORT"], { timeoutMs: 300 }),
    Error,
    "Waited 300 ms in vain for balance -f PORT to end",
  );
});
