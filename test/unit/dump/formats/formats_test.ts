import { assert, assertEquals, assertMatch, assertNotMatch } from "@std/assert";
import type { DumpConnection, DumpFormat } from "../../../../lib/dump/formats/format.ts";
import { joinBytes } from "../../../../lib/dump/formats/format.ts";
import { createHex } from "../../../../lib/dump/formats/hex.ts";
import { createJson } from "../../../../lib/dump/formats/json.ts";
import { createPcapng } from "../../../../lib/dump/formats/pcapng.ts";
import {
  fileTime,
  isoTime,
  localTime,
  nowMicroseconds,
} from "../../../../lib/dump/formats/times.ts";
import { randomBytes } from "../../../helpers/net/client.ts";
import { connectionOf, makeTraffic, START } from "../../../helpers/dump/dump_traffic.ts";
import { type Schema, violations } from "../../../helpers/json_schema.ts";
import { type Packet, readBlocks, readOptions, readPackets } from "../../../helpers/dump/pcapng.ts";
import { t } from "../../../helpers/t.ts";

const SCHEMA: Schema = JSON.parse(
  Deno.readTextFileSync(new URL("../../../../lib/dump/formats/json.schema.json", import.meta.url)),
);
const PURE = { permissions: "none" } as const;

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (from: Uint8Array) => new TextDecoder().decode(from);
const hexOf = (from: Uint8Array) => from.toHex();

/** Connection 17 before and after a channel answered. */
const accepted: DumpConnection = {
  id: 17,
  client: { address: "10.0.0.1", port: 40001 },
  listener: { address: "10.0.0.2", port: 6379 },
};
const answered: DumpConnection = {
  ...accepted,
  group: 0,
  channel: 1,
  local: { address: "2001:db8::1", port: 50000 },
  backend: { address: "2001:db8::2", port: 6380 },
};

/** What a format writes for a story, the header included. */
function record(format: DumpFormat, story: (format: DumpFormat) => Uint8Array[]): Uint8Array {
  return joinBytes([format.start(START), ...story(format)]);
}

/** A packet in short: who, flags, relative numbers, payload bytes. */
function brief(packets: readonly Packet[]): string[] {
  const first = new Map<string, number>();
  for (const { flags, from, seq } of packets) if (flags.includes("S")) first.set(from, seq);
  return packets.map(({ from, to, flags, seq, ack, length }) => {
    const relative = (number: number, whose: string) => (number - (first.get(whose) ?? 0)) >>> 0;
    const who = from < to ? ">" : "<";
    return `${who} ${flags} ${relative(seq, from)} ${ack && relative(ack, to)} ${length}`;
  });
}

/** The payload of both directions of each conversation, put together by sequence numbers. */
function reassemble(packets: readonly Packet[]): Map<string, Uint8Array> {
  const streams = new Map<string, { next: number; pieces: Uint8Array[] }>();
  for (const { from, to, flags, seq, payload, length } of packets) {
    const key = `${from} ${to}`;
    if (flags.includes("S")) streams.set(key, { next: seq, pieces: [] });
    const stream = streams.get(key)!;
    assertEquals(seq, stream.next, `a gap in ${key}`);
    stream.next = (seq + length + (/[SF]/.test(flags) ? 1 : 0)) >>> 0;
    stream.pieces.push(payload);
  }
  return new Map([...streams].map(([key, { pieces }]) => [key, joinBytes(pieces)]));
}

t("pcapng: a conversation has a handshake, its bytes, and both ends", () => {
  const file = record(createPcapng(), (format) => [
    format.open(accepted, START),
    format.connected(answered, START + 10),
    format.data(answered, { direction: "client", bytes: bytes("PING\r\n"), time: START + 20 }),
    format.data(answered, { direction: "backend", bytes: bytes("+PONG\r\n"), time: START + 30 }),
    format.end(answered, { direction: "client", how: "end", time: START + 40 }),
    format.data(answered, { direction: "backend", bytes: bytes("+LATE\r\n"), time: START + 50 }),
    format.end(answered, { direction: "backend", how: "end", time: START + 60 }),
    format.close(answered, START + 70),
  ]);
  const packets = readPackets(file);
  assertEquals(brief(packets), [
    "> S 0 0 0",
    "< SA 0 1 0",
    "> A 1 1 0",
    "< A 1 1 0",
    "> PA 1 1 6",
    "< PA 1 7 7",
    "> FA 7 8 0",
    "< A 8 8 0",
    "< PA 8 8 7",
    "< FA 15 8 0",
    "> A 8 16 0",
  ]);
  assertEquals(
    packets.map(({ time }) => time - START),
    [0, 0, 0, 10, 20, 30, 40, 40, 50, 60, 60],
  );
  assertEquals(packets[0]!.from, "10.0.0.1:40001");
  assertEquals(packets[0]!.to, "10.0.0.2:6379");
  assertEquals(packets.map(({ comments }) => comments.join("; ")).filter(Boolean), [
    "connection 17",
    "connected channel 0.1 from [2001:db8::1]:50000 to [2001:db8::2]:6380",
  ]);
  // Not a repeated acknowledgement: the window differs.
  assert(packets[3]!.window !== packets[1]!.window);
}, PURE);

t("pcapng: the header names hardware, system, program, link type and resolution", () => {
  const format = createPcapng({ hardware: "abacus", os: "none", application: "balance 4.0.0" });
  const [section, description, ...others] = readBlocks(format.start(START));
  assertEquals(others, []);
  assertEquals(section!.type, 0x0a0d0d0a);
  assertEquals(hexOf(section!.body.subarray(0, 16)), "4d3c2b1a01000000ffffffffffffffff");
  assertEquals(
    readOptions(section!.body.subarray(16)).map(([code, value]) => [code, text(value)]),
    [[2, "abacus"], [3, "none"], [4, "balance 4.0.0"]],
  );
  assertEquals(description!.type, 1);
  assertEquals(hexOf(description!.body.subarray(0, 8)), "6500000000000400");
  const options = new Map(readOptions(description!.body.subarray(8)));
  assertEquals(text(options.get(2)!), "client");
  assertEquals(hexOf(options.get(9)!), "06");
}, PURE);

t("pcapng: bytes and checksums are right for chunks of all sizes, IPv4 and IPv6", () => {
  for (const family of [4, 6] as const) {
    const format = createPcapng();
    const connection = connectionOf(1, { family });
    const sizes = [...Array(40).keys(), 1459, 1460, 65494, 65495, 65496, 65515, 65516, 131030];
    const sent: Record<"client" | "backend", Uint8Array[]> = { client: [], backend: [] };
    const file = record(format, () => [
      format.open(connection, START),
      ...sizes.map((size, index) => {
        const direction = index % 3 === 0 ? "backend" : "client";
        // An odd beginning in memory, as after a slice.
        const chunk = randomBytes(size + 1, index).subarray(1);
        sent[direction].push(chunk);
        return format.data(connection, { direction, bytes: chunk, time: START + index });
      }),
      format.close(connection, START + 99),
    ]);
    const streams = [...reassemble(readPackets(file)).values()];
    assertEquals(streams, [joinBytes(sent.client), joinBytes(sent.backend)]);
  }
});

t("pcapng: many connections at once keep their bytes apart, with both sides", () => {
  for (const side of ["client", "server", "both"] as const) {
    const traffic = makeTraffic(createPcapng({ side }), { seed: 1, connections: 60 });
    const packets = readPackets(traffic.files[0]!);
    const streams = reassemble(packets);
    assertEquals(streams.size, (side === "both" ? 4 : 2) * traffic.conversations.length);
    const from = (port: number) => [...streams].find(([key]) => key.includes(`:${port} `))![1];
    const to = (port: number) => [...streams].find(([key]) => key.endsWith(`:${port}`))![1];
    for (const { connection: { client, local }, sent } of traffic.conversations) {
      for (
        const { port } of [
          ...side !== "server" ? [client] : [],
          ...side !== "client" ? [local!] : [],
        ]
      ) {
        assertEquals(from(port), sent.client);
        assertEquals(to(port), sent.backend);
      }
    }
  }
});

t("pcapng: 10 MB at once are segments of at most 64 KiB, acknowledged now and then", () => {
  const format = createPcapng();
  const chunk = randomBytes(10_000_000, 7);
  const file = record(format, () => [
    format.open(accepted, START),
    format.data(accepted, { direction: "backend", bytes: chunk, time: START }),
  ]);
  const packets = readPackets(file);
  assertEquals(reassemble(packets).get("10.0.0.2:6379 10.0.0.1:40001"), chunk);
  const lengths = packets.map(({ length }) => length).filter((length) => length > 0);
  assertEquals(lengths, [...Array(152).fill(65495), 10_000_000 - 152 * 65495]);
  assertEquals(packets.filter(({ flags }) => flags === "PA").length, 1);
  let unacknowledged = 0, most = 0;
  for (const { length } of packets) {
    most = Math.max(most, unacknowledged = length && unacknowledged + 1);
  }
  assertEquals(most, 32);
});

t("pcapng: sequence numbers wrap around", () => {
  // The first number is the connection's times this, modulo 2^32.
  const isn = (id: number) => Math.imul(id, 0x9e3779b1) >>> 0;
  let id = 1;
  while (isn(id) < 0xffff_f000) id++;
  const connection = { ...accepted, id };
  const format = createPcapng();
  const chunk = randomBytes(9000, 3);
  const file = record(format, () => [
    format.data(connection, { direction: "client", bytes: chunk, time: START }),
    format.data(connection, { direction: "client", bytes: chunk, time: START }),
    format.close(connection, START),
  ]);
  const packets = readPackets(file);
  assertEquals(packets[0]!.seq, isn(id));
  assert(packets.at(-1)!.ack < packets[0]!.seq);
  assertEquals([...reassemble(packets).values()][0], joinBytes([chunk, chunk]));
}, PURE);

t("pcapng: the first bytes of a chunk keep its real length", () => {
  const format = createPcapng();
  const chunk = randomBytes(100, 3);
  const file = record(format, () => [
    format.data(accepted, { direction: "client", bytes: chunk, length: 150_000, time: START }),
    format.data(accepted, { direction: "client", bytes: chunk, time: START }),
    format.data(accepted, { direction: "client", bytes: chunk.subarray(0, 0), length: 5, time: 1 }),
    format.data(accepted, { direction: "client", bytes: chunk, time: START }),
  ]);
  const packets = readPackets(file).slice(3);
  assertEquals(
    packets.map(({ payload, length }) => [payload.length, length]),
    [[100, 65495], [0, 65495], [0, 19010], [100, 100], [0, 5], [100, 100]],
  );
  assertEquals(packets[3]!.seq, (packets[0]!.seq + 150_000) >>> 0);
  assertEquals(packets[0]!.payload, chunk);
}, PURE);

t("pcapng: bytes that are not in the dump leave a gap of their length", () => {
  const format = createPcapng({ side: "both" });
  const chunk = { direction: "client", bytes: bytes("0123456789"), time: START } as const;
  const file = record(format, () => {
    const first = format.data(answered, chunk);
    format.skip(answered, chunk);
    format.skip(answered, { ...chunk, length: 1000 });
    return [first, format.data(answered, chunk)];
  });
  const seqs = readPackets(file).filter(({ length }) => length > 0).map(({ seq }) => seq);
  assertEquals([(seqs[2]! - seqs[0]!) >>> 0, (seqs[3]! - seqs[1]!) >>> 0], [1020, 1020]);
}, PURE);

t("pcapng: a reset is a RST from who reset, and nothing follows", () => {
  for (const direction of ["client", "backend"] as const) {
    const file = record(createPcapng(), (format) => [
      format.open(accepted, START),
      format.end(accepted, { direction, how: "reset", time: START }),
      format.end(accepted, { direction: "client", how: "end", time: START }),
      format.close(accepted, START),
    ]);
    const last = direction === "client" ? "> RA 1 1 0" : "< RA 1 1 0";
    assertEquals(brief(readPackets(file)).slice(3), [last]);
  }
}, PURE);

t("pcapng: a side may end otherwise, or see bytes the other does not", () => {
  const format = createPcapng({ side: "both" });
  const file = record(format, () => [
    format.connected(answered, START),
    format.data(answered, {
      direction: "client",
      bytes: bytes("PROXY"),
      time: START,
      side: "server",
    }),
    format.data(answered, { direction: "client", bytes: bytes("GET"), time: START }),
    format.end(answered, { direction: "backend", how: "reset", time: START, side: "server" }),
    format.close(answered, START),
  ]);
  const packets = readPackets(file);
  assertEquals(brief(packets.filter(({ from }) => from.startsWith("10."))), [
    "> S 0 0 0",
    "< SA 0 1 0",
    "> A 1 1 0",
    "< A 1 1 0",
    "> PA 1 1 3",
    // Closed by balance: it ends first.
    "< FA 1 4 0",
    "> A 4 2 0",
    "> FA 4 2 0",
    "< A 2 5 0",
  ]);
  assertEquals(brief(packets.filter(({ from }) => from.startsWith("["))), [
    "> S 0 0 0",
    "< SA 0 1 0",
    "> A 1 1 0",
    "> PA 1 1 5",
    "> PA 6 1 3",
    "< RA 1 9 0",
  ]);
}, PURE);

t("pcapng: events are comments; the backend's conversation tells them when it begins", () => {
  const event = (format: DumpFormat, of: DumpConnection, number: number) =>
    format.event(of, { text: `try ${number} – failed`, time: START });
  const comments = (side: "client" | "server") =>
    readPackets(record(createPcapng({ side }), (format) => [
      format.open(accepted, START),
      event(format, accepted, 1),
      event(format, accepted, 2),
      format.connected(answered, START),
      event(format, answered, 3),
    ])).map((packet) => packet.comments).filter((each) => each.length > 0);
  assertEquals(comments("client"), [
    ["connection 17"],
    ["try 1 – failed"],
    ["try 2 – failed"],
    ["connected channel 0.1 from [2001:db8::1]:50000 to [2001:db8::2]:6380"],
    ["try 3 – failed"],
  ]);
  assertEquals(comments("server"), [
    ["connection 17, client 10.0.0.1:40001, channel 0.1", "try 1 – failed", "try 2 – failed"],
    ["try 3 – failed"],
  ]);
}, PURE);

t("pcapng: a long comment is cut where a character begins, and few wait", () => {
  const format = createPcapng({ side: "server" });
  const file = record(format, () => [
    ...Array.from(
      { length: 100 },
      () => format.event(accepted, { text: "é".repeat(50_001), time: START }),
    ),
    format.connected(answered, START),
  ]);
  const [packet] = readPackets(file);
  assertEquals(packet!.comments.length, 17);
  assertEquals(packet!.comments[1], "é".repeat(2048));
}, PURE);

t("pcapng: a new file introduces open connections again, and each file is whole", () => {
  const endings = ["orderly", "open", "client reset", "closed"] as const;
  const traffic = makeTraffic(createPcapng({ side: "both" }), {
    seed: 9,
    connections: 12,
    chunks: 12,
    endings,
    restartEvery: 37,
  });
  assert(traffic.files.length > 3);
  const parts = traffic.files.map((file) => reassemble(readPackets(file)));
  for (const { connection: { client, listener }, sent } of traffic.conversations) {
    const ends = traffic.files.flatMap((file) => readPackets(file))
      .filter(({ from, flags }) => from.endsWith(`:${client.port}`) && flags.includes("S"));
    assert(ends.length >= 1);
    const whole = (suffix: string) =>
      joinBytes(
        parts.flatMap((part) =>
          [...part].filter(([key]) => key.includes(suffix)).map(([, piece]) => piece)
        ),
      );
    assertEquals(whole(`:${client.port} `), sent.client);
    const keys = parts.flatMap((part) => [...part.keys()])
      .filter((key) => key.includes(`:${listener.port} `) && key.endsWith(`:${client.port}`));
    assertEquals(whole(keys[0]!), sent.backend);
  }
});

t("pcapng: in a new file a direction that had ended ends again, before anything else", () => {
  const format = createPcapng();
  const first = record(format, () => [
    format.data(accepted, { direction: "client", bytes: bytes("12345"), time: START }),
    format.end(accepted, { direction: "client", how: "end", time: START }),
  ]);
  const second = joinBytes([
    format.start(START),
    format.data(accepted, { direction: "backend", bytes: bytes("678"), time: START }),
    format.close(accepted, START),
  ]);
  const before = readPackets(first), after = readPackets(second);
  assertEquals(brief(after), [
    "> S 0 0 0",
    "< SA 0 1 0",
    "> A 1 1 0",
    "> FA 1 1 0",
    "< A 1 2 0",
    "< PA 1 2 3",
    "< FA 4 2 0",
    "> A 2 5 0",
  ]);
  // The FIN has the same number in both files.
  assertEquals(after[3]!.seq, before.find(({ flags }) => flags === "FA")!.seq);
  assertEquals(after[0]!.comments, [
    "connection 17, continued after 5 bytes from the client, 0 from the backend",
  ]);
}, PURE);

t("pcapng: a connection it hears of late is introduced; an unknown one ends in silence", () => {
  const format = createPcapng();
  format.start(START);
  assertEquals(format.close(accepted, START).length, 0);
  const end = format.end(accepted, { direction: "client", how: "end", time: START });
  assertEquals(brief(readPackets(end)), [
    "> S 0 0 0",
    "< SA 0 1 0",
    "> A 1 1 0",
    "> FA 1 1 0",
    "< A 1 2 0",
  ]);
}, PURE);

t("pcapng: one IPv4 and one IPv6 end become two IPv6 ends, an unknown one unspecified", () => {
  const format = createPcapng({ side: "both" });
  const mixed = { ...accepted, listener: { address: "2001:db8::5", port: 80 } };
  const { local: _, ...unknown } = { ...answered, ...mixed };
  const packets = readPackets(record(format, () => [format.open(unknown, START)]));
  assertEquals(packets[0]!.from, "[0:0:0:0:0:ffff:a00:1]:40001");
  assertEquals(packets[3]!.from, "[0:0:0:0:0:0:0:0]:1041");
}, PURE);

t("pcapng: dropped chunks are counted in a statistics block", () => {
  const [block] = readBlocks(createPcapng().lost(12, START));
  assertEquals(block!.type, 5);
  const [comment, dropped] = readOptions(block!.body.subarray(12));
  assertEquals([comment![0], dropped![0], hexOf(dropped![1])], [1, 5, "0c00000000000000"]);
  assertMatch(text(comment![1]), /^12 chunks dropped/);
}, PURE);

t("hex: blocks look like hexdump -C, with direction, time and connection before them", () => {
  const file = record(createHex(), (format) => [
    format.open(accepted, START),
    format.event(accepted, { text: "channel 0.0 refused\nagain", time: START + 1 }),
    format.connected(answered, START + 2),
    format.data(answered, {
      direction: "client",
      bytes: bytes("Hello, world |\\\x7f\r\n"),
      time: START + 3,
    }),
    format.data(answered, { direction: "backend", bytes: Uint8Array.of(0, 255), time: START + 4 }),
    format.data(answered, {
      direction: "backend",
      bytes: bytes("abc"),
      length: 500,
      time: START + 5,
    }),
    format.data(answered, { direction: "client", bytes: bytes(""), length: 9, time: START + 6 }),
    format.end(answered, { direction: "client", how: "end", time: START + 7 }),
    format.close(answered, START + 8),
    format.lost(3, START + 9),
  ]);
  const time = localTime(START).slice(0, -1);
  assertEquals(
    text(file),
    `# ${time}6 I is from the client, O from the backend

# ${time}6 #17 open 10.0.0.1:40001 > 10.0.0.2:6379

# ${time}7 #17 channel 0.0 refused again

# ${time}8 #17 connected channel 0.1 to [2001:db8::2]:6380

I ${time}9 #17 10.0.0.1:40001 > 10.0.0.2:6379 channel 0.1 (18 bytes)
00000000  48 65 6c 6c 6f 2c 20 77  6f 72 6c 64 20 7c 5c 7f  |Hello, world |\\.|
00000010  0d 0a                                             |..|
00000012

O ${time.slice(0, -1)}60 #17 10.0.0.2:6379 > 10.0.0.1:40001 channel 0.1 (2 bytes)
00000000  00 ff                                             |..|
00000002

O ${time.slice(0, -1)}61 #17 10.0.0.2:6379 > 10.0.0.1:40001 channel 0.1 (3/500 bytes)
00000000  61 62 63                                          |abc|
00000003

# ${time.slice(0, -1)}62 #17 client sent 9 bytes

# ${time.slice(0, -1)}63 #17 client end

# ${time.slice(0, -1)}64 #17 close

# ${time.slice(0, -1)}65 3 chunks dropped so far

`,
  );
});

t("hex: large chunks are blocks of 32 KiB, and no word before a block is a number", () => {
  const format = createHex({ side: "server" });
  const chunk = randomBytes(70_000, 4);
  const file = text(format.data(answered, { direction: "client", bytes: chunk, time: START }));
  const blocks = file.split("\n\n").filter((block) => block !== "");
  assertEquals(blocks.length, 3);
  assertMatch(blocks[2]!, /\[2001:db8::1\]:50000 > .* \(65536\+4464\/70000 bytes\)/);
  const found = blocks.flatMap((block) =>
    block.split("\n").slice(1).map((line) => line.slice(10, 59).replaceAll(" ", ""))
  ).join("");
  assertEquals(found, hexOf(chunk));
  for (const block of blocks) {
    const words = block.split("\n")[0]!.split(" ");
    for (const word of words) assertNotMatch(word, /^[0-9a-f]+$/i);
  }
});

/** The lines of a JSON dump, each checked against the schema. */
function readLines(file: Uint8Array): Record<string, unknown>[] {
  const lines = text(file).split("\n");
  assertEquals(lines.pop(), "");
  return lines.map((line) => {
    const value = JSON.parse(line);
    assertEquals(violations(SCHEMA, value), [], line);
    return value;
  });
}

t("json: every line tells all about its connection and keeps to the schema", () => {
  const file = record(createJson(), (format) => [
    format.open(accepted, START),
    format.event(accepted, { text: "channel 0.0 refused\n", time: START + 1 }),
    format.connected(answered, START + 2),
    format.data(answered, { direction: "client", bytes: bytes('GET "é"\r\n'), time: START + 3 }),
    format.data(answered, { direction: "backend", bytes: Uint8Array.of(0, 255), time: START + 4 }),
    format.data(answered, {
      direction: "backend",
      bytes: bytes("abcd"),
      length: 500,
      time: START + 5,
    }),
    format.end(answered, { direction: "backend", how: "reset", time: START + 6 }),
    format.close(answered, START + 7),
    format.lost(3, START + 8),
  ]);
  const about = { connection: 17, client: "10.0.0.1:40001", listener: "10.0.0.2:6379" };
  const more = {
    ...about,
    channel: "0.1",
    local: "[2001:db8::1]:50000",
    backend: "[2001:db8::2]:6380",
  };
  const time = (plus: number) => `2026-11-22T06:03:20.${123456 + plus}Z`;
  assertEquals(readLines(file), [
    { time: time(0), type: "open", ...about },
    { time: time(1), type: "event", ...about, message: "channel 0.0 refused\n" },
    { time: time(2), type: "connected", ...more },
    {
      time: time(3),
      type: "data",
      ...more,
      direction: "client",
      length: 10,
      data: "R0VUICLDqSINCg==",
      text: 'GET "é"\r\n',
    },
    { time: time(4), type: "data", ...more, direction: "backend", length: 2, data: "AP8=" },
    {
      time: time(5),
      type: "data",
      ...more,
      direction: "backend",
      length: 500,
      data: "YWJjZA==",
      text: "abcd",
    },
    { time: time(6), type: "end", ...more, direction: "backend", how: "reset" },
    { time: time(7), type: "close", ...more },
    { time: time(8), type: "lost", chunks: 3 },
  ]);
}, PURE);

t("json: the bytes of invented traffic come back, whatever they are", () => {
  const traffic = makeTraffic(createJson(), {
    seed: 3,
    connections: 40,
    maxChunk: 100_000,
    restartEvery: 100,
  });
  const lines = traffic.files.flatMap((file) => readLines(file));
  for (const { connection, chunks } of traffic.conversations) {
    const found = lines.filter((line) => line.connection === connection.id && line.type === "data");
    assertEquals(
      found.map(({ direction, data }) => [direction, data]),
      chunks.map((chunk) => [chunk.direction, chunk.bytes.toBase64()]),
    );
  }
});

t("json: text is there only for what people can read", () => {
  const cases: [Uint8Array, string | undefined][] = [
    [bytes("tab\tline\r\n"), "tab\tline\r\n"],
    [bytes("\ufeffZürich 🚀"), "\ufeffZürich 🚀"],
    [bytes("bell\x07"), undefined],
    [bytes("delete\x7f"), undefined],
    [bytes("next line\x85"), undefined],
    [bytes("é").subarray(0, 1), undefined],
    [Uint8Array.of(0xff), undefined],
    [Uint8Array.of(0), undefined],
  ];
  for (const [chunk, wanted] of cases) {
    const format = createJson();
    const [line] = readLines(
      format.data(accepted, { direction: "client", bytes: chunk, time: START }),
    );
    assertEquals(line!.text, wanted);
  }
}, PURE);

t("json: what the other side alone saw is left out, or marked", () => {
  const story = (format: DumpFormat) => [
    format.data(answered, {
      direction: "client",
      bytes: bytes("PROXY"),
      time: START,
      side: "server",
    }),
    format.end(answered, { direction: "backend", how: "reset", time: START, side: "server" }),
  ];
  assertEquals(record(createJson(), story).length, 0);
  assertEquals(
    readLines(record(createJson({ side: "both" }), story)).map(({ type, side }) => [type, side]),
    [["data", "server"], ["end", "server"]],
  );
}, PURE);

t("json: the schema refuses what the format never writes", () => {
  const good = {
    time: "2026-11-22T06:03:20.123456Z",
    type: "data",
    connection: 1,
    client: "127.0.0.1:1",
    listener: "[::1]:2",
    direction: "client",
    length: 1,
    data: "AA==",
  };
  assertEquals(violations(SCHEMA, good), []);
  const { data: _, ...without } = good;
  for (
    const bad of [
      without,
      { ...good, extra: 1 },
      { ...good, type: "bytes" },
      { ...good, time: "2026-11-22T06:03:20Z" },
      { ...good, client: "localhost:1" },
      { ...good, connection: 0 },
      { ...good, length: 1.5 },
      { ...good, data: "A" },
      { ...good, direction: "server" },
    ]
  ) assert(violations(SCHEMA, bad).length > 0, JSON.stringify(bad));
}, PURE);

t("times: microseconds are kept, and the fine clock agrees with the system's", () => {
  assertEquals(isoTime(1_000_001), "1970-01-01T00:00:01.000001Z");
  assertEquals(isoTime(START), "2026-11-22T06:03:20.123456Z");
  const local = new Date(START / 1000);
  assertEquals(Date.parse(localTime(START).slice(0, 23).replace(" ", "T")), Math.floor(+local));
  assertMatch(localTime(START), /^2026-11-2\d \d\d:\d\d:20\.123456$/);
  assertMatch(fileTime(START), /^2026112\dT\d{4}20$/);
  for (let i = 0; i < 100; i++) {
    const now = nowMicroseconds();
    assert(Number.isInteger(now));
    assert(Math.abs(now / 1000 - Date.now()) < 20);
  }
}, PURE);
