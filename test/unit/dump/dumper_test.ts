import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import type { Dumper } from "../../../lib/dump/dumper.ts";
import { FilePermits } from "../../../lib/dump/file_permits.ts";
import type { DumpTexts } from "../../../lib/dump/settings.ts";
import { randomBytes } from "../../helpers/bytes.ts";
import { tempDir } from "../../helpers/temp_dir.ts";
import { readPackets } from "../../helpers/dump/pcapng.ts";
import { later, skip, sleep, t, tool, until, within } from "../../helpers/t.ts";
import { accepted, answered, oneConnection } from "../../helpers/dump/dump_records.ts";
import { dumperOf } from "../../helpers/dump/dumper_of.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

const textOf = (data: Uint8Array) => new TextDecoder().decode(data);

t("Dumper writes one file and counts chunks, bytes and drops", async () => {
  using dir = tempDir();
  const { dumper, taps } = await dumperOf({ file: `${dir.path}/d-%p.json` });
  assertEquals(dumper.path, `${dir.path}/d-6379.json`);
  oneConnection(taps, 1);
  oneConnection(taps, 2);
  await dumper.close(1000);
  const lines = Deno.readTextFileSync(dumper.path).trimEnd().split("\n").map((line) =>
    JSON.parse(line)
  );
  assertEquals(
    lines.map(({ type, connection }) => `${connection} ${type}`).join(", "),
    [1, 2].map((id) =>
      ["open", "event", "connected", "data", "data", "end", "end", "close"]
        .map((type) => `${id} ${type}`).join(", ")
    ).join(", "),
  );
  assertEquals(dumper.counts, { chunks: 4, bytes: 20, dropped: 0 });
  // Records after close() are ignored.
  oneConnection(taps, 3);
  assertEquals(dumper.counts.chunks, 4);
});

t("Dumper with %n writes one file per connection, and closes it with the connection", async () => {
  using dir = tempDir();
  const { dumper, taps } = await dumperOf({ file: `${dir.path}/%n.pcapng` });
  assertEquals(dumper.path, `${dir.path}/%n.pcapng`);
  for (let id = 1; id <= 20; id++) oneConnection(taps, id);
  const open = () =>
    Array.from({ length: 20 }, (_, i) => `${dir.path}/${i + 1}.pcapng`)
      .filter((file) => hasOpen(Deno.pid, file));
  await until(() => open().length === 0, { what: "the files to be closed" });
  // A connection that is still open.
  const tap = taps(accepted(21));
  tap?.connected(answered(21));
  void tap?.chunk("client", bytes("still open"));
  await dumper.close(1000);
  for (let id = 1; id <= 21; id++) {
    const packets = readPackets(Deno.readFileSync(`${dir.path}/${id}.pcapng`));
    assertEquals(packets[0]!.comments[0]!.startsWith(`connection ${id}`), true);
    const sent = packets.map(({ payload }) => textOf(payload)).join("");
    assertEquals(sent, id === 21 ? "still open" : "helloworld");
  }
  assertEquals(dumper.counts, { chunks: 41, bytes: 210, dropped: 0 });
});

t("Dumper creates no file for a connection that is filtered out", async () => {
  using dir = tempDir();
  const { dumper, taps } = await dumperOf({ file: `${dir.path}/%n`, channel: "0.0" });
  oneConnection(taps);
  await dumper.close(1000);
  assertEquals([...Deno.readDirSync(dir.path)], []);
});

t("Dumper.open() reports a folder that does not exist", async () => {
  for (const file of ["/nowhere/at/all/%n.json", "/nowhere/at/all/x.json"]) {
    const error = await assertRejects(() => dumperOf({ file }), Error);
    assertMatch(error.message, /^cannot write dump file \[\/nowhere\/at\/all\/[0x].json\]: [Nn]o /);
    assert(!error.message.includes("os error"), error.message);
  }
});

/** A named pipe without a reader yet, and a dumper that writes to it. */
async function pipe(texts: DumpTexts) {
  const dir = tempDir();
  const file = `${dir.path}/pipe`;
  await new Deno.Command(tool("mkfifo")!, { args: [file] }).output();
  // Opened for reading and writing, a pipe does not block.
  const holder = await Deno.open(file, { read: true, write: true });
  const made = await dumperOf({ ...texts, file }, { queueBytes: 100_000 });
  // The dumper must open its end before `holder` is closed, or a reader would see the end.
  await until(() => openings(Deno.pid, file) > 1, { what: "the dumper to open the pipe" });
  const tap = made.taps(accepted(1))!;
  tap.connected(answered(1));
  return {
    ...made,
    tap,
    /** Starts a reader; `all` is everything until the dumper closes its end. */
    async read(): Promise<{ all: Promise<Uint8Array> }> {
      const child = new Deno.Command("cat", { args: [file], stdout: "piped" }).spawn();
      const all = later(child.output().then(({ stdout }) => stdout));
      await until(() => hasOpen(child.pid, file), { what: "the reader to open the pipe" });
      holder.close();
      return { all };
    },
    [Symbol.dispose]: dir[Symbol.dispose],
  };
}

function hasOpen(pid: number, file: string): boolean {
  return openings(pid, file) > 0;
}

/** How many descriptors of a process refer to a file. */
function openings(pid: number, file: string): number {
  const folder = `/proc/${pid}/fd`;
  return Array.from(Deno.readDirSync(folder)).filter(({ name }) => {
    try {
      return Deno.readLinkSync(`${folder}/${name}`) === file;
    } catch {
      return false; // Closed in the meantime.
    }
  }).length;
}

/** Registers a test that needs named pipes. */
function withPipe(name: string, fn: () => Promise<void>): void {
  if (tool("mkfifo") === undefined) skip(name, "mkfifo is not installed");
  else t(name, fn);
}

withPipe(
  "Dumper with overflow drop drops chunks while its reader is slow, and counts them",
  async () => {
    using made = await pipe({ format: "pcapng", overflow: "drop" });
    const { dumper, tap } = made;
    const sent: Uint8Array[] = [];
    const send = (length: number) => {
      sent.push(randomBytes(length, sent.length));
      assertEquals(tap.chunk("client", sent.at(-1)!), undefined);
    };
    for (let i = 0; i < 60; i++) send(10_000);
    const { chunks, dropped } = dumper.counts;
    assertEquals(chunks + dropped, 60);
    assert(dropped > 30 && chunks >= 10, `${dropped} of 60 dropped`);

    // With a reader, later chunks are complete again.
    const { all } = await made.read();
    await until(() => {
      if (dumper.counts.chunks === chunks) send(100);
      return dumper.counts.chunks > chunks;
    }, { timeoutMs: 20_000 });
    tap.ended("client", "end");
    tap.closed("client closed");
    await dumper.close(5000);
    const packets = readPackets(await within(all, { timeoutMs: 5000, what: "the reader" }));
    const first = packets.find(({ flags }) => flags === "S")!.seq + 1;
    const starts = new Map<number, Uint8Array>();
    let at = first;
    for (const chunk of sent) {
      starts.set(at, chunk);
      at = (at + chunk.length) >>> 0;
    }
    const shown = packets.filter(({ payload }) => payload.length > 0);
    assertEquals(shown.length, dumper.counts.chunks);
    for (const { seq, payload } of shown) assertEquals(payload, starts.get(seq));
    assertEquals(packets.some(({ flags, seq }) => flags === "FA" && seq === at), true);
  },
);

withPipe(
  "Dumper with overflow block makes senders wait, and releases them when it is closed",
  async () => {
    using made = await pipe({ format: "json" });
    const { dumper, tap } = made;
    let room: Promise<void> | undefined, chunks = 0;
    while (room === undefined) room = tap.chunk("backend", randomBytes(10_000, ++chunks));
    assert(chunks < 20, `${chunks} chunks were taken`);
    const closing = dumper.close(50);
    await within(room, { timeoutMs: 1000, what: "the sender to be released" });
    await within(closing, { timeoutMs: 2000, what: "the rest to be given up" });
    assertEquals(tap.chunk("backend", bytes("x")), undefined);
    // Lets the pending write finish.
    const { all } = await made.read();
    await within(all, { timeoutMs: 5000, what: "the reader" });
  },
);

t("a full disk ends a dump with one error, and senders do not wait", async () => {
  const { dumper, taps, errors } = await dumperOf({ file: "/dev/full", format: "json" });
  const tap = taps(accepted(1))!;
  tap.connected(answered(1));
  void tap.chunk("client", bytes("x"));
  await until(() => errors.length > 0);
  for (let i = 0; i < 100; i++) {
    // Others get their turn, but nothing is waited for.
    const turn = Promise.resolve(tap.chunk("client", new Uint8Array(1_000_000)));
    await within(turn, { timeoutMs: 5000, what: "the sender to be released" });
  }
  tap.closed("client closed");
  await dumper.close(1000);
  assertEquals(errors, ["cannot write dump file [/dev/full]: No space left on device"]);
});

withPipe(
  "Dumper: accepting waits while records without bytes fill the queue, until they are read",
  async () => {
    using made = await pipe({ format: "json" });
    const { dumper, taps } = made;
    let connections = 1;
    const room = untilFull(made, () => taps(accepted(++connections))!.closed("client closed"));
    const { all } = await made.read();
    await within(room, { timeoutMs: 5000, what: "room" });
    await dumper.close(5000);
    const lines = new TextDecoder().decode(await all).trimEnd().split("\n");
    const kinds = lines.map((line) => JSON.parse(line).type as string);
    assertEquals(kinds.filter((kind) => kind === "open").length, connections);
    assertEquals(kinds.filter((kind) => kind === "close").length, connections - 1);
  },
);

withPipe("Dumper: accepting continues when a dump that is not read is closed", async () => {
  using made = await pipe({ format: "json" });
  const { dumper, tap, taps } = made;
  let id = 1;
  const room = untilFull(made, () => taps(accepted(++id)));
  const closing = dumper.close(50);
  await within(room, { timeoutMs: 1000, what: "accepting" });
  assertEquals(dumper.room(), undefined);
  await within(closing, { timeoutMs: 2000, what: "the rest to be given up" });
  tap.closed("client closed");
  // Lets the pending write finish.
  const { all } = await made.read();
  await within(all, { timeoutMs: 5000, what: "the reader" });
});

withPipe("Dumper with overflow drop never makes accepting wait", async () => {
  using made = await pipe({ format: "json", overflow: "drop" });
  const { dumper, taps } = made;
  for (let id = 2; dumper.counts.dropped < 100; id++) {
    taps(accepted(id))!.closed("client closed");
    assertEquals(dumper.room(), undefined);
  }
  const { all } = await made.read();
  await dumper.close(5000);
  await within(all, { timeoutMs: 5000, what: "the reader" });
});

/** Makes records until accepting has to wait; returns what it waits for. */
function untilFull({ dumper }: { dumper: Dumper }, make: () => void): Promise<void> {
  for (let made = 0;; made++) {
    const room = dumper.room();
    if (room !== undefined) return room;
    assert(made < 10_000, "there is always room");
    make();
  }
}

t("Dumper with %n: the files of all connections share one queue", async () => {
  using dir = tempDir();
  const { dumper, taps } = await dumperOf({ file: `${dir.path}/%n.json` }, { queueBytes: 100_000 });
  const chunk = new Uint8Array(10_000);
  let room: Promise<void> | undefined;
  // Nothing is written before the next await.
  for (let id = 1; room === undefined && id < 100; id++) {
    const tap = taps(accepted(id))!;
    tap.connected(answered(id));
    room = tap.chunk("client", chunk);
  }
  assert(room !== undefined, "there is always room");
  assert(dumper.room() !== undefined);
  await within(room, { timeoutMs: 5000, what: "room" });
  await dumper.close(5000);
});

t("Dumper with %n: accepting waits while many files of ended connections are written", async () => {
  using dir = tempDir();
  const { dumper, taps } = await dumperOf({ file: `${dir.path}/%n.json` });
  let connections = 0;
  const room = untilFull({ dumper }, () => oneConnection(taps, ++connections));
  assert(connections <= 100, `${connections} connections`);
  await within(room, { timeoutMs: 5000, what: "room" });
  await dumper.close(5000);
  assertEquals([...Deno.readDirSync(dir.path)].length, connections);
});

/** Permits whose only slot for an operation is taken until the test frees it. */
function busyPermits() {
  const permits = new FilePermits(() => Infinity, 1);
  const slot = Promise.withResolvers<void>();
  const held = permits.operate(() => slot.promise);
  return { permits, held, free: () => slot.resolve() };
}

t("Dumper with %n loses nothing while the file of an ended connection waits", async () => {
  using dir = tempDir();
  const { permits, held, free } = busyPermits();
  const fileErrors: string[] = [];
  const { dumper, taps } = await dumperOf({ file: `${dir.path}/%n.json` }, {
    permits,
    readerPatienceMs: 20,
    onFileError: ({ message }) => fileErrors.push(message),
  });
  oneConnection(taps, 1);
  await sleep(200);
  free();
  await held;
  await dumper.close(5000);
  const lines = Deno.readTextFileSync(`${dir.path}/1.json`).trimEnd().split("\n");
  assertEquals(lines.length, 8);
  assertEquals([dumper.counts, fileErrors], [{ chunks: 2, bytes: 10, dropped: 0 }, []]);
});

t("Dumper with %n counts and reports records that it gives up", async () => {
  using dir = tempDir();
  const { permits, held, free } = busyPermits();
  const fileErrors: string[] = [];
  const { dumper, taps } = await dumperOf({ file: `${dir.path}/%n.json` }, {
    permits,
    onFileError: ({ message }) => fileErrors.push(message),
  });
  // One has ended, the other is still open.
  oneConnection(taps, 1);
  taps(accepted(2));
  await dumper.close(50);
  assertEquals(dumper.counts, { chunks: 2, bytes: 10, dropped: 9 });
  assertEquals(
    fileErrors.sort(),
    [1, 2].map((id) => `cannot write dump file [${dir.path}/${id}.json]: too slow`),
  );
  free();
  await held;
  await permits.idle();
  assertEquals([...Deno.readDirSync(dir.path)], []);
});

withPipe("Dumper with %n gives up a named pipe whose reader is stuck, and reports it", async () => {
  using dir = tempDir();
  const file = `${dir.path}/1`;
  await new Deno.Command(tool("mkfifo")!, { args: [file] }).output();
  const holder = await Deno.open(file, { read: true, write: true });
  const fileErrors: string[] = [];
  const { dumper, taps } = await dumperOf({ file: `${dir.path}/%n`, format: "json" }, {
    readerPatienceMs: 50,
    onFileError: ({ message }) => fileErrors.push(message),
  });
  const tap = taps(accepted(1))!;
  tap.connected(answered(1));
  // More than the pipe holds.
  void tap.chunk("client", new Uint8Array(200_000));
  tap.closed("client closed");
  await until(() => fileErrors.length > 0, { what: "the dumper to give up" });
  assertEquals(fileErrors, [`cannot write dump file [${file}]: too slow`]);
  assert(dumper.counts.dropped > 0);
  await dumper.close(5000);
  // Lets the pending write end.
  holder.close();
  await until(() => !hasOpen(Deno.pid, file), { what: "the pipe to be closed" });
});

withPipe("Dumper counts and reports what a stuck reader has not taken at the end", async () => {
  using made = await pipe({ format: "json" });
  const { dumper, tap, errors } = made;
  for (let i = 0; i < 4; i++) void tap.chunk("client", new Uint8Array(200_000));
  await dumper.close(50);
  const { dropped } = dumper.counts;
  assert(dropped >= 3, `${dropped} dropped`);
  assertEquals(errors, [`cannot write dump file [${dumper.path}]: too slow`]);
  // Lets the pending write finish.
  const { all } = await made.read();
  await within(all, { timeoutMs: 5000, what: "the reader" });
});
