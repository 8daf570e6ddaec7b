/**
 * The dump of a running program: switched by the shell while traffic flows, over several workers,
 * in the background, and with readers that are slow.
 */
import { joinBytes } from "../../../lib/base/bytes.ts";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { echo, named, stalledReader } from "../../helpers/net/backends.ts";
import {
  ask,
  canBindSource,
  type Client,
  connect,
  readExactly,
  readText,
  readToEnd,
} from "../../helpers/net/client.ts";
import { type ControlSession, controlSession } from "../../helpers/net/control_socket.ts";
import { type Conversation, readConversations } from "../../helpers/dump/pcapng_conversations.ts";
import { complaints, noDissector, run } from "../../helpers/dump/capture_tools.ts";
import { pool } from "../../helpers/pool.ts";
import { startBackground } from "../../helpers/program/start_background.ts";
import { type Controlled, startControlled } from "../../helpers/program/start_controlled.ts";
import { later, skip, t, until, within, withTools } from "../../helpers/t.ts";
import { randomBytes, sha256 } from "../../helpers/bytes.ts";
import { tempDir } from "../../helpers/temp_dir.ts";

function assertSame(actual: Uint8Array, expected: Uint8Array): void {
  assertEquals([actual.length, sha256(actual)], [expected.length, sha256(expected)]);
}

/** Runs a command that must succeed. */
async function tell(session: ControlSession, line: string): Promise<string> {
  const { text, failed } = await session.ask(line);
  if (failed) throw new Error(`[${line}] failed: ${text}`);
  return text;
}

/** What `conns` knows of a client's port. */
async function idOf(session: ControlSession, said: number): Promise<number> {
  const conns: { id: number; sent: number }[] = JSON.parse(await tell(session, "conns --json"));
  return conns.find(({ sent }) => sent === said)!.id;
}

/** Echoes through a connection for as long as it is asked to, and checks every byte. */
class Talk implements AsyncDisposable {
  readonly #client: Client;
  readonly #done: Promise<void>;
  #stopped = false;
  /** Bytes that came back. */
  bytes = 0;

  private constructor(client: Client, readonly seed: number) {
    this.#client = client;
    this.#done = later(this.#run());
  }

  /** Connects, and waits for the first round: the connection is open on both sides then. */
  static async start(port: number, options: { seed: number; from?: string }): Promise<Talk> {
    const { seed, from } = options;
    const talk = new Talk(await connect(port, from === undefined ? {} : { from }), seed);
    await talk.more(1);
    return talk;
  }

  /** What is said in a round. */
  round(number: number): Uint8Array<ArrayBuffer> {
    return randomBytes(1 + (number * 997 + this.seed) % 5000, this.seed * 100_003 + number);
  }

  /** Everything that was said so far, and more: some rounds. */
  said(rounds: number): Uint8Array {
    return joinBytes(Array.from({ length: rounds }, (_, i) => this.round(i)));
  }

  rounds = 0;

  async #run(): Promise<void> {
    while (!this.#stopped) {
      const bytes = this.round(this.rounds);
      await this.#client.send(bytes);
      assertEquals(await readExactly(this.#client, bytes.length), bytes);
      this.bytes += bytes.length;
      this.rounds++;
    }
    await this.#client.closeWrite();
    await readToEnd(this.#client);
  }

  /** Waits for so many more rounds. */
  async more(rounds: number): Promise<void> {
    const target = this.rounds + rounds;
    await until(() => this.rounds >= target, { timeoutMs: 20_000, what: `${rounds} rounds` });
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await within(this.#done, { timeoutMs: 10_000, what: "the talk to end" });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    await this.#client.close();
    await this.#done.catch(() => {});
  }
}

/** Checks that a dump of part of a talk is that part, to the byte. */
function assertPart(conversation: Conversation, talk: Talk): void {
  const { sent, rcvd, missing, comments } = conversation;
  assertEquals(missing, 0);
  const begins = comments.map((comment) =>
    /after (\d+) bytes from the client, (\d+) from the backend$/.exec(comment)
  ).find((found) => found !== null);
  assert(begins, comments.join("; "));
  const [client, backend] = [Number(begins[1]), Number(begins[2])];
  const all = talk.said(talk.rounds + 1);
  assert(sent.length > 0 && rcvd.length > 0);
  // A chunk may be on its way when the dump starts: dumped or counted already.
  for (const [part, at] of [[sent, client], [rcvd, backend]] as const) {
    const starts = Array.from({ length: talk.rounds + 1 }, (_, i) => talk.said(i).length);
    const found = [at, ...starts.filter((start) => Math.abs(start - at) <= 5000)].some((start) =>
      sha256(all.subarray(start, start + part.length)) === sha256(part)
    );
    assert(found, `${part.length} bytes at ${at}`);
  }
}

for (const workers of [1, 4]) {
  const argv = (...addresses: string[]) => ["-f", "--workers", `${workers}`, "PORT", ...addresses];
  const title = (name: string) => `${name} (${workers} worker${workers === 1 ? "" : "s"})`;

  t(title("dump on, dump, dump off: open connections and new ones, while they talk"), async () => {
    using dir = tempDir();
    const file = `${dir.path}/on.pcapng`;
    await using server = echo();
    await using balance = await startControlled(argv(server.address));
    using session = await controlSession(balance.socket);
    assertEquals(await tell(session, "dump"), "dump off\n");
    await using early = await Talk.start(balance.port, { seed: 1 });
    await early.more(20);
    assertEquals(await tell(session, `dump on ${file}`), `dump on: pcapng to ${file}\n`);
    await using late = await Talk.start(balance.port, { seed: 2 });
    await Promise.all([early.more(20), late.more(20)]);
    const status = await tell(session, "dump");
    assertMatch(
      status,
      /^dump on: pcapng to \S+\n {2}since {3}\S+Z\n {2}written \d+ chunks, \d+ bytes\n {2}dropped 0\n$/,
    );
    await late.stop();
    assertEquals(await tell(session, "dump off"), "dump off\n");
    const size = Deno.statSync(file).size;
    await early.more(20);
    assertEquals(Deno.statSync(file).size, size);
    await early.stop();

    const found = readConversations(Deno.readFileSync(file));
    assertEquals(found.length, 2);
    assertPart(found.find(({ fins }) => fins === 0)!, early);
    const whole = found.find(({ fins }) => fins === 2)!;
    assertSame(whole.sent, late.said(late.rounds));
    assertSame(whole.rcvd, late.said(late.rounds));
    const again = await session.ask("dump off");
    assertEquals([again.text, again.failed], ["dump is off already\n", true]);
    await balance.stop();
  });

  t(title("dump on conn ID: that connection and no other"), async () => {
    using dir = tempDir();
    await using server = echo();
    await using balance = await startControlled(argv(server.address));
    using session = await controlSession(balance.socket);
    const clients: Client[] = [];
    try {
      for (let i = 1; i <= 5; i++) {
        const client = await connect(balance.port);
        clients.push(client);
        await client.send("x".repeat(i));
        await readText(client, i);
      }
      const id = await idOf(session, 3);
      const file = `${dir.path}/one.json`;
      assertEquals(
        await tell(session, `dump on json ${file} conn ${id}`),
        `dump on: json to ${file}, connection ${id}\n`,
      );
      await Promise.all(clients.map(async (client, i) => {
        await client.send(`client ${i}`);
        assertEquals(await readText(client, 8), `client ${i}`);
      }));
      await using late = await connect(balance.port);
      await late.send("late");
      assertEquals(await readText(late, 4), "late");
      await tell(session, "dump off");
      const lines = Deno.readTextFileSync(file).trimEnd().split("\n").map((line) =>
        JSON.parse(line)
      );
      assertEquals(
        lines.map(({ type, connection, text }) => [type, connection, text]),
        [
          ["event", id, undefined],
          ["connected", id, undefined],
          ["data", id, "client 2"],
          ["data", id, "client 2"],
        ],
      );
      assertMatch(lines[0].message, /^dump started \d+\.\d+ s after the connection, after 3 bytes/);
    } finally {
      for (const client of clients) await client.close();
    }
    await balance.stop();
  });

  t(title("dump on channel G.N, and the channel of an open connection counts"), async () => {
    using dir = tempDir();
    const file = `${dir.path}/channel.json`;
    await using first = named("B0");
    await using second = named("B1");
    await using balance = await startControlled(argv(first.address, second.address));
    using session = await controlSession(balance.socket);
    await using zero = await connect(balance.port);
    assertEquals(await readText(zero, 3), "B0\n");
    await using one = await connect(balance.port);
    assertEquals(await readText(one, 3), "B1\n");
    await tell(session, `dump on ${file} channel 0.1`);
    for (const client of [zero, one]) {
      await client.send("old");
      await readText(client, 3);
    }
    for (let i = 0; i < 4; i++) assertEquals(await ask(balance.port), `B${i % 2}`);
    await tell(session, "dump off");
    const lines = Deno.readTextFileSync(file).trimEnd().split("\n").map((line) => JSON.parse(line));
    const texts = lines.filter(({ type }) => type === "data").map(({ text }) => text);
    assertEquals(texts, ["old", "old", "B1\n", "B1\n"]);
    assertEquals(lines.filter(({ type }) => type === "open").length, 2);
    await zero.close();
    await one.close();
    await balance.stop();
  });

  t(title("the dump of 300 connections at a time is whole"), async () => {
    using dir = tempDir();
    const file = `${dir.path}/many.pcapng`;
    await using server = echo();
    await using balance = await startControlled([
      ...["-f", "--workers", `${workers}`, "--dump-file", file, "PORT", server.address],
    ]);
    const ids = Array.from({ length: 300 }, (_, id) => id);
    const sentBy = (id: number) => randomBytes(1 + id * 701 % 200_000, id);
    await pool(ids, { limit: 100, name: String }, async (id) => {
      await using client = await connect(balance.port);
      const sent = sentBy(id);
      const [back] = await Promise.all([
        readExactly(client, sent.length, { timeoutMs: 30_000 }),
        client.send(sent),
      ]);
      assertSame(back, sent);
      await client.closeWrite();
      await readToEnd(client);
    });
    await balance.stop();
    const found = readConversations(Deno.readFileSync(file));
    assertEquals(found.length, ids.length);
    const left = new Set(ids.map((id) => sha256(sentBy(id))));
    for (const { sent, rcvd, missing, fins } of found) {
      assertSame(rcvd, sent);
      assertEquals([missing, fins], [0, 2]);
      assert(left.delete(sha256(sent)));
    }
    assertEquals(left.size, 0);
  });

  t(title("changing the dump again and again disturbs nobody"), async () => {
    using dir = tempDir();
    await using server = echo();
    await using balance = await startControlled(argv(server.address));
    using session = await controlSession(balance.socket);
    const talks: Talk[] = [];
    try {
      for (let seed = 1; seed <= 4; seed++) {
        talks.push(await Talk.start(balance.port, { seed }));
      }
      const names = ["a.json", "b.pcapng", "c.hex", "d.txt", "%n.json"];
      for (let i = 0; i < 15; i++) {
        await tell(session, `dump on ${dir.path}/${i}${names[i % names.length]}`);
        await talks[0]!.more(2);
        if (i % 4 === 3) await tell(session, "dump off");
      }
      // The same file again keeps the one before.
      await tell(session, `dump on ${dir.path}/0a.json`);
      await talks[0]!.more(2);
      await tell(session, "dump off");
      await Promise.all(talks.map((talk) => talk.stop()));
    } finally {
      for (const talk of talks) await talk[Symbol.asyncDispose]();
    }
    await balance.stop();
    const found = Array.from(Deno.readDirSync(dir.path), ({ name }) => name);
    assert(found.includes("0a.json.1"), found.join(" "));
    for (const name of found) {
      const path = `${dir.path}/${name}`;
      if (name.includes("json")) {
        Deno.readTextFileSync(path).trimEnd().split("\n").forEach((line) => JSON.parse(line));
      } else if (name.includes("pcapng")) {
        for (const conversation of readConversations(Deno.readFileSync(path))) {
          const { comments, sent, rcvd } = conversation;
          if (sent.length === 0 || rcvd.length === 0) continue;
          assert(comments.some((comment) => comment.startsWith("dump started")));
          assertEquals(conversation.missing, 0);
        }
      }
    }
  });

  withTools(
    ["mkfifo"],
    title("--dump-overflow block: a stuck reader holds senders back"),
    async () => {
      await using made = await stuckDump(workers, "block");
      const { balance, server, clients, session } = made;
      const before = balance.rss();
      const total = 12_000_000;
      const sent = clients.map((_, i) => randomBytes(total, i));
      const sending = clients.map((client, i) =>
        later(client.send(sent[i]!).then(() => client.closeWrite()))
      );
      // Nobody reads the dump, so after a while nothing moves any more.
      const moved = async () => {
        const conns: { sent: number }[] = JSON.parse(await tell(session, "conns --json"));
        return conns.reduce((sum, conn) => sum + conn.sent, 0);
      };
      let last = -1, still = 0;
      await until(async () => {
        const now = await moved();
        still = now === last && now > 0 ? still + 1 : 0;
        last = now;
        return still >= 20;
      }, { everyMs: 20, timeoutMs: 20_000, what: () => `senders to be held back, at ${last}` });
      assert(last < clients.length * total / 2, `${last} bytes went through`);
      const growth = balance.rss() - before;
      assert(growth < 80_000_000, `memory grew by ${growth} bytes`);
      assertMatch(await tell(session, "dump"), /dropped 0\n$/);

      // Now it is read, and nothing is lost.
      const { all } = await made.read();
      await within(Promise.all(sending), { timeoutMs: 30_000, what: "the senders" });
      await until(() => server.totals.length === clients.length, { timeoutMs: 20_000 });
      await Promise.all(clients.map((client) => client.close()));
      await tell(session, "dump off");
      const found = readConversations(await within(all, { timeoutMs: 10_000, what: "the reader" }));
      const wanted = sent.map(sha256).sort();
      assertEquals(found.map((one) => sha256(one.sent)).sort(), wanted);
      assertEquals(found.map(({ missing }) => missing), clients.map(() => 0));
    },
  );

  withTools(
    ["mkfifo"],
    title("dump off lets go of senders that a stuck reader holds"),
    async () => {
      await using made = await stuckDump(workers, "block");
      const { server, clients, session } = made;
      const total = 12_000_000;
      const sending = clients.map((client, i) =>
        later(client.send(randomBytes(total, i)).then(() => client.closeWrite()))
      );
      await until(async () => /written [1-9]/.test(await tell(session, "dump")));
      await tell(session, "dump off");
      await within(Promise.all(sending), { timeoutMs: 20_000, what: "the senders" });
      await until(() => server.totals.length === clients.length, { timeoutMs: 20_000 });
      assertEquals(server.totals, clients.map(() => total));
    },
  );

  withTools(
    ["mkfifo", "tshark"],
    title("--dump-overflow drop: a stuck reader disturbs nobody, and drops are counted"),
    async () => {
      await using made = await stuckDump(workers, "drop");
      const { balance, server, clients, session, dir } = made;
      const total = 20_000_000;
      const sending = clients.map((client, i) => client.send(randomBytes(total, i)));
      await within(Promise.all(sending), { timeoutMs: 30_000, what: "the senders" });
      const dropped = async () => Number(/dropped (\d+)\n$/.exec(await tell(session, "dump"))![1]);
      assert(await dropped() > 10, `${await dropped()} dropped`);
      const { all } = await made.read();
      await until(async () => {
        // Once there is room, chunks are in the dump again.
        const before = /written (\d+)/.exec(await tell(session, "dump"))![1];
        for (const client of clients) await client.send("after the gap");
        return /written (\d+)/.exec(await tell(session, "dump"))![1] !== before;
      }, { timeoutMs: 20_000 });
      // Nothing waits for the reader any more, so what comes now is not dropped.
      let last = "", still = 0;
      await until(async () => {
        const status = await tell(session, "dump");
        still = status === last ? still + 1 : 0;
        last = status;
        return still >= 10;
      }, { everyMs: 20, timeoutMs: 20_000, what: "the dump to be written" });
      await Promise.all(clients.map((client) => client.closeWrite()));
      await until(() => server.totals.length === clients.length, { timeoutMs: 20_000 });
      for (const count of server.totals) assert(count > total);
      await Promise.all(clients.map((client) => client.close()));
      // Both ends of each connection have been seen, and so are in the dump.
      await until(async () => await tell(session, "conns --json") === "[]\n");
      const count = await dropped();
      await tell(session, "dump off");
      const dump = await within(all, { timeoutMs: 10_000, what: "the reader" });
      const found = readConversations(dump);
      assertEquals(found.length, clients.length);
      assert(found.some(({ missing }) => missing > 1_000_000));
      for (const { sent, missing, fins } of found) {
        assert(sent.length + missing >= total, `${sent.length} and ${missing}`);
        assertEquals(fins, 2);
      }
      Deno.writeFileSync(`${dir}/dump.pcapng`, dump);
      const statistics = await run("capinfos", [`${dir}/dump.pcapng`]);
      assertEquals([statistics.code, statistics.stderr], [0, ""]);
      const strange = await complaints(`${dir}/dump.pcapng`, noDissector(balance.port));
      assertEquals(strange.filter((line) => !/captured/.test(line)), []);
      assert(count > 0);
    },
  );
}

t("dump on: what makes no sense is refused, and the dump goes on as it was", async () => {
  using dir = tempDir();
  await using server = named("B0");
  await using balance = await startControlled([
    ...["-f", "--dump-file", `${dir.path}/x.json`, "PORT", server.address],
  ]);
  using session = await controlSession(balance.socket);
  const refused: [string, string][] = [
    ["dump on x.json", "invalid dump file [x.json]: want a path that begins with a slash"],
    ["dump on json x", "invalid dump file [x]: want a path that begins with a slash"],
    ["dump on xml /x", "syntax error"],
    ["dump on /x client", "syntax error"],
    ["dump on /x client 1.2.3.4 client 1.2.3.5", "syntax error"],
    ["dump on /x nobody 1", "syntax error"],
    ["dump maybe", "syntax error"],
    ["dump on client 1.2.3.4/33", "invalid range [1.2.3.4/33]: bits must be 0 to 32"],
    ["dump on channel 1", "invalid channel [1]: want GROUP.CHANNEL"],
    ["dump on conn 12345", "no such connection 12345"],
    ["dump on conn x", "invalid connection [x]"],
    ["dump on /nowhere/x", "cannot write dump file [/nowhere/x]: No such file or directory"],
    [`dump on ${dir.path}`, `cannot write dump file [${dir.path}]: Is a directory`],
    ["dump on /%x", "invalid dump file [/%x]: %x is not %t (time), %p (port) or %n (connection)"],
    ["dump on text /x side both", "invalid dump side [both]: the text format shows no addresses"],
  ];
  for (const [line, answer] of refused) {
    const { text, failed } = await session.ask(line);
    assertEquals([text, failed], [`${answer}\n`, true], line);
  }
  assertEquals(await ask(balance.port), "B0");
  // What several workers have seen is on its way.
  const status = await until(async () => {
    const now = JSON.parse(await tell(session, "dump --json"));
    return now.chunks > 0 && now;
  }, { what: "the chunk" });
  assertEquals(
    [status.on, status.format, status.path, status.chunks, status.dropped],
    [true, "json", `${dir.path}/x.json`, 1, 0],
  );
  await tell(session, "dump off");
  assertEquals(JSON.parse(await tell(session, "dump --json")), { on: false });
});

t("dump on without a file goes on as the command line said, and keeps what was", async () => {
  using dir = tempDir();
  const file = `${dir.path}/x.json`;
  const types = (path: string) =>
    Deno.readTextFileSync(path).trimEnd().split("\n").filter(Boolean)
      .map((line) => JSON.parse(line)).filter(({ type }) => type === "data").length;
  await using server = named("B0");
  await using balance = await startControlled(["-f", "--dump-file", file, "PORT", server.address]);
  using session = await controlSession(balance.socket);
  assertEquals(await ask(balance.port), "B0");
  await tell(session, "dump off");
  assertEquals(await ask(balance.port), "B0");
  assertEquals(
    await tell(session, "dump on client 127.0.0.0/8"),
    `dump on: json to ${file}, client 127.0.0.0/8\n`,
  );
  assertEquals(await ask(balance.port), "B0");
  assertEquals(await ask(balance.port), "B0");
  await tell(session, "dump off");
  assertEquals([types(`${file}.1`), types(file)], [1, 2]);
});

t("-p is off after dump off, and on again after dump on", async () => {
  await using server = named("B0");
  await using balance = await startControlled(["-f", "-p", "PORT", server.address]);
  using session = await controlSession(balance.socket);
  assertEquals(await ask(balance.port), "B0");
  assertMatch(await tell(session, "dump"), /^dump on: text to standard output\n.*\n {2}written 1 /);
  assertEquals(await tell(session, "dump off"), "dump off\n");
  assertEquals(await ask(balance.port), "B0");
  assertEquals(await tell(session, "dump on"), "dump on: text to standard output\n");
  assertEquals(await ask(balance.port), "B0");
  await until(() => balance.stdout.split("-> 0\n\n").length === 3);
  assertEquals(await tell(session, "dump on json"), "dump on: json to standard output\n");
  assertEquals(await ask(balance.port), "B0");
  await balance.stop();
  const block = "-< 3\nB0\\0A\n\n-> 0\n\n";
  assertEquals(balance.stdout.slice(0, 2 * block.length), block + block);
  assertMatch(balance.stdout.slice(2 * block.length), /^\{"time":.*"type":"close".*\}\n$/s);
});

if (!await canBindSource()) {
  skip("dump on client CIDR", "clients cannot have another source address here");
} else {
  t("dump on client CIDR: one client out of several", async () => {
    using dir = tempDir();
    const file = `${dir.path}/client.pcapng`;
    await using server = echo();
    await using balance = await startControlled(["-f", "PORT", server.address]);
    using session = await controlSession(balance.socket);
    const talks: Talk[] = [];
    try {
      for (const last of [2, 3, 4]) {
        talks.push(await Talk.start(balance.port, { seed: last, from: `127.0.0.${last}` }));
      }
      await tell(session, `dump on ${file} client 127.0.0.3/32`);
      await Promise.all(talks.map((talk) => talk.more(10)));
      await tell(session, "dump off");
      await Promise.all(talks.map((talk) => talk.stop()));
    } finally {
      for (const talk of talks) await talk[Symbol.asyncDispose]();
    }
    const [only, ...others] = readConversations(Deno.readFileSync(file));
    assertEquals(others, []);
    assertMatch(only!.client, /^127\.0\.0\.3:/);
    assertPart(only!, talks[1]!);
  });
}

t("in the background: a relative file, dump on, and log rotation by SIGHUP", async () => {
  using dir = tempDir();
  await using server = named("B0");
  await using balance = await startBackground([
    ...["--dump-file", "relative.json", "PORT", server.address],
  ], { cwd: dir.path });
  const data = (name: string) =>
    Deno.readTextFileSync(`${dir.path}/${name}`).split("\n")
      .filter((line) => line.includes('"type":"data"')).length;
  // It was there before the parent returned.
  assertEquals(Deno.statSync(`${dir.path}/relative.json`).mode! & 0o777, 0o600);
  using session = await controlSession(balance.socket);
  assertMatch(await tell(session, "dump"), /^dump on: json to \/.*\/relative\.json\n/);
  assertEquals(await ask(balance.port), "B0");
  await until(() => data("relative.json") === 1);
  Deno.renameSync(`${dir.path}/relative.json`, `${dir.path}/rotated.json`);
  balance.kill("SIGHUP");
  await until(() => {
    try {
      return Deno.statSync(`${dir.path}/relative.json`).isFile;
    } catch {
      return false;
    }
  }, { what: "the file to be made again" });
  assertEquals(await ask(balance.port), "B0");
  await until(() => data("relative.json") === 1);
  assertEquals(data("rotated.json"), 1);
  assertEquals(await tell(session, "dump off"), "dump off\n");
  const refused = await session.ask("dump on json");
  assertEquals(
    [refused.text, refused.failed],
    ["in the background there is no standard output: name a file\n", true],
  );
  assertEquals(
    await tell(session, "dump on"),
    `dump on: json to ${Deno.realPathSync(dir.path)}/relative.json\n`,
  );
});

/** A balance that dumps into a named pipe that nobody reads, and clients of a backend. */
async function stuckDump(workers: number, overflow: "block" | "drop") {
  const dir = tempDir();
  const pipe = `${dir.path}/pipe`;
  await run("mkfifo", [pipe]);
  // For reading too, it opens at once; nobody reads from it.
  const holder = await Deno.open(pipe, { read: true, write: true });
  const server = stalledReader();
  server.resume();
  const balance: Controlled = await startControlled([
    ...["-f", "--workers", `${workers}`, "--dump-format", "pcapng", "--dump-file", pipe],
    ...["--dump-overflow", overflow, "PORT", server.address],
  ]);
  const session = await controlSession(balance.socket);
  const clients: Client[] = [];
  for (let i = 0; i < 3; i++) clients.push(await connect(balance.port));
  return {
    balance,
    server,
    session,
    clients,
    dir: dir.path,
    /** Begins to read: gives everything when the dump has closed its end. */
    async read(): Promise<{ all: Promise<Uint8Array> }> {
      const reader = await Deno.open(pipe);
      holder.close();
      return { all: later(new Response(reader.readable).bytes()) };
    },
    async [Symbol.asyncDispose]() {
      for (const client of clients) await client.close();
      session[Symbol.dispose]();
      try {
        holder.close();
      } catch { /* closed already */ }
      await balance[Symbol.asyncDispose]();
      await server.stop();
      dir[Symbol.dispose]();
    },
  };
}
