import { joinBytes } from "../../../../lib/base/bytes.ts";
import type { ConnectionRoute } from "../../../../lib/base/connection_info.ts";
import { assert, assertEquals } from "@std/assert";
import type { DumpFormat } from "../../../../lib/dump/formats/format.ts";
import { createPcapng } from "../../../../lib/dump/formats/pcapng.ts";
import { makeTraffic, START } from "../../../helpers/dump/generated_traffic.ts";
import { readPackets } from "../../../helpers/dump/pcapng.ts";
import { t } from "../../../helpers/t.ts";
import { accepted, answered, record } from "../../../helpers/dump/format_fixtures.ts";
import { brief, reassemble } from "../../../helpers/dump/pcapng_conversations.ts";

const PURE = { permissions: "none" } as const;

const bytes = (text: string) => new TextEncoder().encode(text);

t("pcapng: a conversation has a handshake, its bytes and both FINs", () => {
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
  // Not a duplicate ACK: the window differs.
  assert(packets[3]!.window !== packets[1]!.window);
}, PURE);

t("pcapng: bytes of concurrent connections do not mix, for each side and for both", () => {
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

t("pcapng: a reset is a RST from the side that reset, and nothing follows", () => {
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

t("pcapng: client and server side may end differently and see different bytes", () => {
  const format = createPcapng({ side: "both" });
  const file = record(format, () => [
    format.connected(answered, START),
    format.data(answered, {
      direction: "client",
      bytes: bytes("PROXY"),
      time: START,
      leg: "server",
    }),
    format.data(answered, { direction: "client", bytes: bytes("GET"), time: START }),
    format.end(answered, { direction: "backend", how: "reset", time: START, leg: "server" }),
    format.close(answered, START),
  ]);
  const packets = readPackets(file);
  assertEquals(brief(packets.filter(({ from }) => from.startsWith("10."))), [
    "> S 0 0 0",
    "< SA 0 1 0",
    "> A 1 1 0",
    "< A 1 1 0",
    "> PA 1 1 3",
    // Closed by balance, so its FIN is first.
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

t("pcapng: events are comments; the backend's conversation starts with the earlier ones", () => {
  const event = (format: DumpFormat, of: ConnectionRoute, number: number) =>
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

t("pcapng: a long comment is cut at a character boundary, and at most 16 are kept waiting", () => {
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

t("pcapng: a new file repeats the handshake of open connections, and each file is complete", () => {
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
    const payloadOf = (suffix: string) =>
      joinBytes(
        parts.flatMap((part) =>
          [...part].filter(([key]) => key.includes(suffix)).map(([, piece]) => piece)
        ),
      );
    assertEquals(payloadOf(`:${client.port} `), sent.client);
    const keys = parts.flatMap((part) => [...part.keys()])
      .filter((key) => key.includes(`:${listener.port} `) && key.endsWith(`:${client.port}`));
    assertEquals(payloadOf(keys[0]!), sent.backend);
  }
});

t("pcapng: in a new file a direction that had ended ends again before other packets", () => {
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

t("pcapng: an unknown connection gets a handshake first, and writes nothing when closed", () => {
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
