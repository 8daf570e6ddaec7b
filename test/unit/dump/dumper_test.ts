/** What lies between a connection and the bytes of its dump: taps, the dumper, workers. */

import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import type { Side } from "../../../lib/base/side.ts";
import { type DumpSubject, type DumpTap, dumpTaps } from "../../../lib/dump/dump_tap.ts";
import { type Dumper, type DumperOptions, openDumper } from "../../../lib/dump/dumper.ts";
import { type FilterOptions, parseDumpFilter } from "../../../lib/dump/filter.ts";
import type { DumpRecord } from "../../../lib/dump/record.ts";
import { type DumpTexts, parseDumpSettings } from "../../../lib/dump/settings.ts";
import { createText } from "../../../lib/dump/formats/text.ts";
import { textTap } from "../../../lib/dump/text_tap.ts";
import { BatchWriter } from "../../../lib/base/batch_writer.ts";
import { DumpInbox } from "../../../lib/workers/dump_inbox.ts";
import { type DumpBatch, WorkerDump } from "../../../lib/workers/dump_outbox.ts";
import { randomBytes, randomNumbers } from "../../helpers/net/client.ts";
import { START } from "../../helpers/dump/dump_traffic.ts";
import { folder } from "../../helpers/dump/dump_tools.ts";
import { readPackets } from "../../helpers/dump/pcapng.ts";
import { later, skip, t, tool, until, within } from "../../helpers/t.ts";

const PURE = { permissions: "none" } as const;
const bytes = (text: string) => new TextEncoder().encode(text);
const textOf = (data: Uint8Array) => new TextDecoder().decode(data);

/** A connection that was just accepted. */
function accepted(id: number, more: Partial<DumpSubject> = {}): DumpSubject {
  return {
    id,
    client: { address: "10.0.0.1", port: 50_000 + id },
    listener: { address: "10.0.0.2", port: 6379 },
    state: "dialing",
    ageMs: 0,
    sent: 0,
    rcvd: 0,
    ...more,
  };
}

/** The same when channel 0.1 has answered. */
function answered(id: number, more: Partial<DumpSubject> = {}): DumpSubject {
  return accepted(id, {
    group: 0,
    channel: 1,
    local: { address: "10.0.0.2", port: 40_000 + id },
    backend: { address: "10.0.0.3", port: 7000 },
    state: "open",
    ...more,
  });
}

/** One record as a word or two. */
function short(record: DumpRecord): string {
  const id = `#${record.connection.id}`;
  switch (record.kind) {
    case "data":
      return `${id} ${record.chunk.direction} ${textOf(record.chunk.bytes)}` +
        (record.chunk.length === undefined ? "" : `/${record.chunk.length}`);
    case "skip":
    case "drop":
      return `${id} ${record.kind} ${record.chunk.direction} ${record.chunk.length}`;
    case "event":
      return `${id} ${record.event.text}`;
    case "end":
      return `${id} ${record.end.direction} ${record.end.how}`;
    default:
      return `${id} ${record.kind}`;
  }
}

/** What a filter lets through of a story. */
function recorded(
  filter: FilterOptions,
  story: (tapOf: (subject: DumpSubject) => DumpTap | undefined) => void,
): string[] {
  const records: string[] = [];
  story(dumpTaps(parseDumpFilter(filter), (record) => {
    records.push(short(record));
    return undefined;
  }));
  return records;
}

/** A connection that tries a channel in vain, is served by 0.1 and closed in order. */
function whole(tapOf: (subject: DumpSubject) => DumpTap | undefined, id = 1): void {
  const tap = tapOf(accepted(id));
  tap?.event("channel 0 failed");
  tap?.connected(answered(id));
  void tap?.chunk("client", bytes("hello"));
  void tap?.chunk("backend", bytes("world"));
  tap?.ended("client", "end");
  tap?.ended("backend", "end");
  tap?.closed("client closed");
}

const WHOLE = [
  "#1 open",
  "#1 channel 0 failed",
  "#1 connected",
  "#1 client hello",
  "#1 backend world",
  "#1 client end",
  "#1 backend end",
  "#1 close",
];

t("dumpTaps() records a connection from its beginning to its end", () => {
  assertEquals(recorded({}, whole), WHOLE);
}, PURE);

t("dumpTaps() leaves out clients and connections that are not wanted, from the start", () => {
  assertEquals(recorded({ client: "10.0.0.0/24" }, whole), WHOLE);
  assertEquals(recorded({ connection: "1" }, whole), WHOLE);
  for (const filter of [{ client: "10.0.1.0/24" }, { connection: "2" }]) {
    recorded(filter, (tapOf) => assertEquals(tapOf(accepted(1)), undefined));
  }
}, PURE);

t("dumpTaps() waits for the channel, and then tells what was before", () => {
  assertEquals(recorded({ channel: "0.1" }, whole), WHOLE);
  assertEquals(recorded({ channel: "0.0" }, whole), []);
  // Nothing answered, so nobody knows whether it would have been that one.
  const failed = recorded({ channel: "0.1" }, (tapOf) => {
    const tap = tapOf(accepted(1, { group: 0, channel: 1 }));
    tap?.event("refused");
    tap?.closed("connect failed");
  });
  assertEquals(failed, []);
}, PURE);

t("dumpTaps() tells only of connections with a match, and how much it passed over", () => {
  const chunks = ["aaa", "bbbb", "aXa", "cc", "Xd"];
  const story = (tapOf: (subject: DumpSubject) => DumpTap | undefined) => {
    whole(tapOf, 2);
    const tap = tapOf(accepted(1));
    tap?.connected(answered(1));
    for (const [i, chunk] of chunks.entries()) {
      void tap?.chunk(i % 2 === 0 ? "client" : "backend", bytes(chunk));
    }
    tap?.closed("closed by control");
  };
  assertEquals(recorded({ match: "X" }, story), [
    "#1 open",
    "#1 connected",
    "#1 skip client 3",
    "#1 skip backend 4",
    "#1 client aXa",
    "#1 skip backend 2",
    "#1 client Xd",
    "#1 closed by control",
    "#1 close",
  ]);
}, PURE);

t("dumpTaps() cuts chunks, also such that match behind the cut", () => {
  const cut = recorded({ bytes: "2", match: "o" }, whole);
  assertEquals(cut.filter((record) => /(client|backend) \w+\//.test(record)), [
    "#1 client he/5",
    "#1 backend wo/5",
  ]);
}, PURE);

t("dumpTaps() begins in the middle of an open connection, and says so", () => {
  const records = recorded({ channel: "0.1" }, (tapOf) => {
    const subject = answered(1, { ageMs: 61_500, sent: 10, rcvd: 20 });
    const tap = tapOf(subject);
    tap?.connected(subject);
    void tap?.chunk("client", bytes("x"));
  });
  assertEquals(records, [
    "#1 dump begins 61.500 s after the connection, after 10 bytes from the client, 20 from the backend",
    "#1 connected",
    "#1 client x",
  ]);
}, PURE);

t("dumpTaps() says why a connection ended unless that shows", () => {
  const last = (reason: string) =>
    recorded({}, (tapOf) => tapOf(accepted(1))?.closed(reason)).slice(1, -1);
  for (const reason of ["client closed", "backend closed", "client reset", "backend reset"]) {
    assertEquals(last(reason), []);
  }
  for (const reason of ["connect failed", "nothing available", "shutdown", "client left"]) {
    assertEquals(last(reason), [`#1 ${reason}`]);
  }
}, PURE);

t("createText() writes what the fast way of -p writes", async () => {
  const printed: Uint8Array[] = [];
  const writer = new BatchWriter((batch) => {
    printed.push(batch.slice());
    return Promise.resolve(batch.length);
  }, () => {});
  const tap = textTap(writer);
  const format = createText();
  const written: Uint8Array[] = [];
  const random = randomNumbers(3);
  const connection = accepted(1);
  for (let i = 0; i < 200; i++) {
    const direction: Side = random() % 2 === 0 ? "client" : "backend";
    if (random() % 8 === 0) {
      tap.ended(direction, "end");
      written.push(format.end(connection, { direction, how: "end", time: START }));
    } else {
      const chunk = randomBytes(1 + random() % (i % 10 === 0 ? 100_000 : 100), i);
      void tap.chunk(direction, chunk);
      written.push(format.data(connection, { direction, bytes: chunk, time: START }));
    }
  }
  await writer.flush();
  const join = (pieces: Uint8Array[]) => pieces.map((piece) => piece.toHex()).join("");
  assertEquals(join(written), join(printed));
}, PURE);

/** A dumper and the errors that it told. */
async function dumperOf(texts: DumpTexts, more: Partial<DumperOptions> = {}) {
  const errors: string[] = [];
  const dumper = await openDumper(parseDumpSettings(texts), {
    port: 6379,
    onError: (error) => errors.push(error.message),
    ...more,
  });
  const taps = dumpTaps(parseDumpFilter(texts), (record) => dumper.take(record));
  return { dumper, taps, errors };
}

t("Dumper writes one file, and counts", async () => {
  using dir = folder();
  const { dumper, taps } = await dumperOf({ file: `${dir.path}/d-%p.json` });
  assertEquals(dumper.path, `${dir.path}/d-6379.json`);
  whole(taps, 1);
  whole(taps, 2);
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
  // Whatever comes later does no harm.
  whole(taps, 3);
  assertEquals(dumper.counts.chunks, 4);
});

t("Dumper writes a file for each connection, closed with it", async () => {
  using dir = folder();
  const { dumper, taps } = await dumperOf({ file: `${dir.path}/%n.pcapng` });
  assertEquals(dumper.path, `${dir.path}/%n.pcapng`);
  for (let id = 1; id <= 20; id++) whole(taps, id);
  const open = () =>
    Array.from({ length: 20 }, (_, i) => `${dir.path}/${i + 1}.pcapng`)
      .filter((file) => hasOpen(Deno.pid, file));
  await until(() => open().length === 0, { what: "the files to be closed" });
  // One that is still open.
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
  using dir = folder();
  const { dumper, taps } = await dumperOf({ file: `${dir.path}/%n`, channel: "0.0" });
  whole(taps);
  await dumper.close(1000);
  assertEquals([...Deno.readDirSync(dir.path)], []);
});

t("openDumper() says what is wrong with a folder", async () => {
  for (const file of ["/nowhere/at/all/%n.json", "/nowhere/at/all/x.json"]) {
    const error = await assertRejects(() => dumperOf({ file }), Error);
    assertMatch(error.message, /^cannot write dump file \[\/nowhere\/at\/all\/[0x].json\]: [Nn]o /);
    assert(!error.message.includes("os error"), error.message);
  }
});

t("Dumper moves the file of an earlier dump aside where that is asked for", async () => {
  using dir = folder();
  const file = `${dir.path}/d.hex`;
  Deno.writeTextFileSync(file, "earlier");
  const { dumper } = await dumperOf({ file }, { existing: "keep" });
  await dumper.close(1000);
  assertEquals(Deno.readTextFileSync(`${file}.1`), "earlier");
});

/** A named pipe that nobody reads, and a dumper that writes to it. */
async function pipe(texts: DumpTexts) {
  const dir = folder();
  const file = `${dir.path}/pipe`;
  await new Deno.Command(tool("mkfifo")!, { args: [file] }).output();
  // For reading too, it opens at once.
  const holder = await Deno.open(file, { read: true, write: true });
  const made = await dumperOf({ ...texts, file }, { queueBytes: 100_000 });
  // Should it open its end only when `holder` has gone, a reader would have ended by then.
  await until(() => openings(Deno.pid, file) > 1, { what: "the dumper to open the pipe" });
  const tap = made.taps(accepted(1))!;
  tap.connected(answered(1));
  return {
    ...made,
    tap,
    /** Begins to read: everything until the dumper has closed its end. */
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

/** How many descriptors of a process are a file. */
function openings(pid: number, file: string): number {
  const folder = `/proc/${pid}/fd`;
  return Array.from(Deno.readDirSync(folder)).filter(({ name }) => {
    try {
      return Deno.readLinkSync(`${folder}/${name}`) === file;
    } catch {
      return false; // It was closed meanwhile.
    }
  }).length;
}

/** Registers a test that needs named pipes. */
function withPipe(name: string, fn: () => Promise<void>): void {
  if (tool("mkfifo") === undefined) skip(name, "mkfifo is not installed");
  else t(name, fn);
}

withPipe("Dumper drops chunks that its reader has no room for, and says how many", async () => {
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

  // Now it is read, and what follows is whole again.
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
});

withPipe("Dumper holds senders back until there is room, and lets go when it ends", async () => {
  using made = await pipe({ format: "json" });
  const { dumper, tap } = made;
  let room: Promise<void> | undefined, chunks = 0;
  while (room === undefined) room = tap.chunk("backend", randomBytes(10_000, ++chunks));
  assert(chunks < 20, `${chunks} chunks were taken`);
  const closing = dumper.close(50);
  await within(room, { timeoutMs: 1000, what: "the sender to be let go" });
  await within(closing, { timeoutMs: 2000, what: "the rest to be given up" });
  assertEquals(tap.chunk("backend", bytes("x")), undefined);
  // The write that is under way can end.
  const { all } = await made.read();
  await within(all, { timeoutMs: 5000, what: "the reader" });
});

/** A worker and the program, with messages that arrive when they are told to. */
function worker(dumper: Dumper | undefined, texts: DumpTexts = {}) {
  const order = {
    generation: 1,
    filter: texts,
    overflow: texts.overflow === "drop" ? "drop" : "block",
  } as const;
  const batches: DumpBatch[] = [];
  const dump = new WorkerDump(order, (batch, buffers) => {
    batches.push(structuredClone(batch, { transfer: buffers }));
  });
  const inbox = new DumpInbox();
  const records: string[] = [];
  const take = (record: DumpRecord) => {
    records.push(short(record));
    return dumper?.take(record);
  };
  inbox.add({ order, take, taps: () => undefined });
  return {
    dump,
    inbox,
    records,
    batches,
    /** Lets everything arrive that is under way. */
    async arrive() {
      await Promise.resolve();
      for (let batch = batches.shift(); batch !== undefined; batch = batches.shift()) {
        await inbox.take(0, batch);
        dump.taken();
      }
    },
  };
}

t("WorkerDump sends the same records, in batches and with bytes of their own", async () => {
  const { dump, records, batches, arrive } = worker(undefined);
  whole(dump.taps as (subject: DumpSubject) => DumpTap | undefined);
  await Promise.resolve();
  assertEquals(batches.length, 1);
  // What happens while one is under way goes with the next one.
  for (let id = 3; id < 6; id++) dump.taps(accepted(id) as never);
  await Promise.resolve();
  assertEquals(batches.length, 1);
  await arrive();
  assertEquals(records, [...WHOLE, "#3 open", "#4 open", "#5 open"]);
  // The relay's buffer changes at once.
  const tap = dump.taps(answered(2) as never)!;
  const buffer = bytes("before");
  void tap.chunk("client", buffer);
  buffer.fill(0x61);
  await arrive();
  assertEquals(records.at(-1), "#2 client before");
}, PURE);

t("WorkerDump holds senders back while too much is under way", async () => {
  const { dump, arrive } = worker(undefined);
  const tap = dump.taps(answered(1) as never)!;
  const chunk = new Uint8Array(1 << 19);
  assertEquals(tap.chunk("client", chunk), undefined);
  const room = tap.chunk("client", chunk);
  assert(room !== undefined);
  await arrive();
  await within(room, { timeoutMs: 1000, what: "room" });
  assertEquals(tap.chunk("client", chunk), undefined);
  // The end lets go of everybody.
  const last = tap.chunk("client", chunk);
  dump.stop();
  await within(last!, { timeoutMs: 1000, what: "the end" });
  assertEquals(tap.chunk("client", chunk), undefined);
});

t("WorkerDump drops what is too much if it may, and the program counts it", async () => {
  using dir = folder();
  const texts = { file: `${dir.path}/x.json`, overflow: "drop" };
  const { dumper } = await dumperOf(texts);
  const { dump, records, arrive } = worker(dumper, texts);
  const tap = dump.taps(answered(1) as never)!;
  const chunk = new Uint8Array(1 << 19);
  for (let i = 0; i < 5; i++) assertEquals(tap.chunk("client", chunk), undefined);
  await arrive();
  assertEquals(records.filter((record) => record.includes("drop")), [
    "#1 drop client 524288",
    "#1 drop client 524288",
    "#1 drop client 524288",
  ]);
  void tap.chunk("client", bytes("later"));
  await arrive();
  await dumper.close(1000);
  assertEquals(dumper.counts.dropped, 3);
  const lines = Deno.readTextFileSync(dumper.path).trimEnd().split("\n");
  assertEquals(JSON.parse(lines.at(-1)!).type, "lost");
  assertEquals(JSON.parse(lines.at(-1)!).chunks, 3);
});

t("DumpInbox ends the connections of a worker that died, and knows one dump from another", () => {
  const { inbox, records } = worker(undefined);
  const time = START;
  const batch = (generation: number, kind: "open" | "close", id: number): DumpBatch => ({
    generation,
    records: [{ kind, connection: accepted(id), time }],
  });
  void inbox.take(0, batch(1, "open", 1));
  void inbox.take(0, batch(1, "open", 2));
  void inbox.take(1, batch(1, "open", 3));
  void inbox.take(0, batch(1, "close", 2));
  void inbox.take(0, batch(2, "open", 4));
  inbox.died(0);
  assertEquals(records, [
    "#1 open",
    "#2 open",
    "#3 open",
    "#2 close",
    "#1 the worker that served it has died",
    "#1 close",
  ]);
}, PURE);

t("a full disk ends a dump with one error, and nobody waits for it", async () => {
  const { dumper, taps, errors } = await dumperOf({ file: "/dev/full", format: "json" });
  const tap = taps(accepted(1))!;
  tap.connected(answered(1));
  void tap.chunk("client", bytes("x"));
  await until(() => errors.length > 0);
  for (let i = 0; i < 100; i++) {
    assertEquals(tap.chunk("client", new Uint8Array(1_000_000)), undefined);
  }
  tap.closed("client closed");
  await dumper.close(1000);
  assertEquals(errors, ["cannot write dump file [/dev/full]: No space left on device"]);
});
