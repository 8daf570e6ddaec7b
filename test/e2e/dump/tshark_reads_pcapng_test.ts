/** tshark reads the pcapng format, without a running balance. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { joinBytes } from "../../../lib/base/bytes.ts";
import type { Side } from "../../../lib/base/side.ts";
import { createPcapng } from "../../../lib/dump/formats/pcapng.ts";
import { randomBytes } from "../../helpers/bytes.ts";
import { complaints, follow, NO_DISSECTOR, PORT, run } from "../../helpers/dump/capture_tools.ts";
import {
  connectionOf,
  type GeneratedConversation,
  makeTraffic,
  START,
  type Traffic,
} from "../../helpers/dump/generated_traffic.ts";
import { tool, withTools } from "../../helpers/t.ts";
import { tempDir } from "../../helpers/temp_dir.ts";

function conversationOf(traffic: Traffic, port: number): GeneratedConversation {
  return traffic.conversations.find(({ connection }) => connection.client.port === port)!;
}

withTools(
  ["tshark"],
  "tshark follows every stream to the same bytes, without complaints",
  async () => {
    using dir = tempDir();
    const file = `${dir.path}/dump.pcapng`;
    const traffic = makeTraffic(createPcapng(), {
      seed: 11,
      connections: 48,
      chunks: 8,
      maxChunk: 200_000,
      endings: ["orderly", "closed", "open"],
      port: PORT,
    });
    Deno.writeFileSync(file, traffic.files[0]!);
    assertEquals(await complaints(file), []);
    const streams = await follow(file, traffic.conversations.length);
    for (const { node, sent } of streams) {
      const conversation = conversationOf(traffic, Number(node.split(":").at(-1)));
      assertEquals(sent, conversation.sent, node);
    }
  },
);

withTools(["tshark"], "tshark reads chunks of 1 byte to 10 MB, and resets", async () => {
  using dir = tempDir();
  const file = `${dir.path}/dump.pcapng`;
  const sizes = [1, 2, 3, 1460, 32_768, 65_495, 65_496, 65_536, 100_001, 1_000_000, 10_000_000, 1];
  const format = createPcapng();
  const pieces = [format.start(START)];
  const sent: Record<Side, Uint8Array>[] = [];
  for (const [index, family] of ([4, 6] as const).entries()) {
    const connection = connectionOf(index + 1, { family, port: PORT });
    const chunks = sizes.map((size) => randomBytes(size, size));
    pieces.push(
      format.open(connection, START),
      ...chunks.map((bytes, time) =>
        format.data(connection, { direction: "backend", bytes, time: START + time })
      ),
      format.data(connection, { direction: "client", bytes: chunks[9]!, time: START + 50 }),
      format.end(connection, { direction: "backend", how: "reset", time: START + 60 }),
      format.close(connection, START + 70),
    );
    sent.push({ backend: joinBytes(chunks), client: chunks[9]! });
  }
  Deno.writeFileSync(file, joinBytes(pieces));
  assertEquals(await complaints(file), ["Connection reset (RST)", "Connection reset (RST)"]);
  const streams = await follow(file, 2);
  assertEquals(streams.map((stream) => stream.sent), sent);
});

withTools(["tshark"], "tshark reads the packets of 2000 connections", async () => {
  using dir = tempDir();
  const file = `${dir.path}/dump.pcapng`;
  const traffic = makeTraffic(createPcapng({ side: "both" }), {
    seed: 12,
    connections: 2000,
    chunks: 4,
    maxChunk: 500,
    port: PORT,
  });
  Deno.writeFileSync(file, traffic.files[0]!);
  const { code, stdout } = await run("tshark", [
    ...["-r", file, "-Y", "tcp.len > 0", "-T", "fields", ...NO_DISSECTOR],
    ...["-e", "tcp.srcport", "-e", "tcp.dstport", "-e", "tcp.payload"],
  ]);
  assertEquals(code, 0);
  const found = new Map<string, string>();
  for (const line of stdout.trimEnd().split("\n")) {
    const [from, to, payload] = line.split("\t");
    const key = `${from}>${to}`;
    found.set(key, (found.get(key) ?? "") + payload);
  }
  for (const { connection: { client, listener, local, backend }, sent } of traffic.conversations) {
    for (const [near, far] of [[client, listener], [local!, backend!]] as const) {
      assertEquals(found.get(`${near.port}>${far.port}`) ?? "", sent.client.toHex());
      assertEquals(found.get(`${far.port}>${near.port}`) ?? "", sent.backend.toHex());
    }
  }
});

withTools(
  ["tshark"],
  "tshark shows events as comments, and skipped chunks as gaps",
  async () => {
    using dir = tempDir();
    const file = `${dir.path}/dump.pcapng`;
    const format = createPcapng();
    const connection = connectionOf(1, { port: PORT });
    const chunk = (size: number) =>
      ({ direction: "client", bytes: randomBytes(size, size), time: START }) as const;
    const pieces = [
      format.start(START),
      format.open(connection, START),
      format.event(connection, { text: "channel 0.0 refused, trying 0.1", time: START }),
      format.connected(connection, START),
      format.data(connection, chunk(100)),
    ];
    format.skip(connection, chunk(70));
    pieces.push(format.data(connection, chunk(10)), format.lost(1, START));
    Deno.writeFileSync(file, joinBytes(pieces));
    const { stdout } = await run("tshark", ["-r", file, "-T", "fields", "-e", "frame.comment"]);
    assertEquals(stdout.split("\n").filter(Boolean), [
      "connection 1, channel 0.1",
      "channel 0.0 refused, trying 0.1",
      "connected channel 0.1 from 192.168.0.1:20001 to 192.168.0.2:8001",
    ]);
    assertEquals(await complaints(file), [
      "Previous segment(s) not captured (common at capture start)",
    ]);
  },
);

withTools(
  ["tshark"],
  "tshark reads truncated chunks, and truncated files up to the end",
  async () => {
    using dir = tempDir();
    const file = `${dir.path}/dump.pcapng`;
    const format = createPcapng();
    const connection = connectionOf(1, { port: PORT });
    const data = (length: number) =>
      format.data(connection, {
        direction: "client",
        bytes: randomBytes(16, length),
        length,
        time: START,
      });
    const short = joinBytes([format.start(START), data(16), data(500), data(150_000), data(20)]);
    Deno.writeFileSync(file, short);
    assertEquals(await complaints(file), []);
    const fields = ["-T", "fields", "-e", "tcp.len", "-e", "frame.cap_len"];
    const { stdout } = await run("tshark", ["-r", file, "-Y", "tcp.len > 0", ...fields]);
    assertEquals(
      stdout.trimEnd().split("\n").map((line) => line.split("\t").map(Number)),
      [[16, 56], [500, 56], [65495, 56], [65495, 40], [19010, 40], [20, 56]],
    );

    // As after a kill during a write.
    const { files: [whole] } = makeTraffic(createPcapng(), { seed: 13, connections: 5 });
    const frames = async (length: number) => {
      Deno.writeFileSync(file, whole!.subarray(0, length));
      const { stdout, stderr } = await run("tshark", [
        "-r",
        file,
        "-T",
        "fields",
        "-e",
        "frame.number",
      ]);
      return { count: stdout.split("\n").length - 1, stderr };
    };
    const all = await frames(whole!.length);
    let before = 0;
    for (let part = 1; part < 8; part++) {
      const { count, stderr } = await frames(Math.floor(whole!.length * part / 8) | 1);
      assert(count >= before && count < all.count);
      assertMatch(stderr, /cut short in the middle of a packet/);
      before = count;
    }
    assert(before > all.count / 2);
  },
);

withTools(
  ["tshark"],
  "tshark reads each file of a rotation, without complaints",
  async () => {
    using dir = tempDir();
    const traffic = makeTraffic(createPcapng(), {
      seed: 14,
      connections: 9,
      chunks: 9,
      endings: ["orderly", "closed", "open"],
      restartEvery: 50,
      port: PORT,
    });
    const found: Record<string, Uint8Array[]> = {};
    for (const bytes of traffic.files) {
      const file = `${dir.path}/dump.pcapng`;
      Deno.writeFileSync(file, bytes);
      assertEquals(await complaints(file), []);
      const { stdout } = await run("tshark", ["-r", file, "-Y", "tcp.flags == 0x002"]);
      for (const { node, sent } of await follow(file, stdout.split("\n").length - 1)) {
        (found[`client ${node}`] ??= []).push(sent.client);
        (found[`backend ${node}`] ??= []).push(sent.backend);
      }
    }
    for (const [key, pieces] of Object.entries(found)) {
      const [direction, node] = key.split(" ") as [Side, string];
      const conversation = conversationOf(traffic, Number(node.split(":").at(-1)));
      assertEquals(joinBytes(pieces), conversation.sent[direction], key);
    }
    assertEquals(Object.keys(found).length, 18);
  },
);

withTools(["tshark"], "tshark's dissectors understand Redis, HTTP and SMTP", async () => {
  const dialogues: [protocol: string, port: number, lines: [Side, string][]][] = [
    ["RESP", 6379, [
      ["client", "*2\r\n$3\r\nGET\r\n$3\r\nkey\r\n"],
      ["backend", "$5\r\nvalue\r\n"],
    ]],
    ["HTTP", 80, [
      ["client", "GET /index.html HTTP/1.1\r\nHost: a\r\n\r\n"],
      ["backend", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n"],
      ["backend", "\r\nok"],
    ]],
    ["SMTP", 25, [
      ["backend", "220 mail ESMTP\r\n"],
      ["client", "EHLO me\r\n"],
      ["backend", "250-mail\r\n250 8BITMIME\r\n"],
      ["client", "MAIL FROM:<a@b>\r\n"],
      ["backend", "250 ok\r\n"],
    ]],
  ];
  using dir = tempDir();
  const format = createPcapng();
  const pieces = [format.start(START)];
  for (const [index, [, port, lines]] of dialogues.entries()) {
    const connection = connectionOf(index + 1, { port });
    pieces.push(format.open(connection, START), format.connected(connection, START));
    for (const [i, [direction, line]] of lines.entries()) {
      const bytes = new TextEncoder().encode(line);
      pieces.push(format.data(connection, { direction, bytes, time: START + i }));
    }
    pieces.push(format.close(connection, START + 99));
  }
  const file = `${dir.path}/dump.pcapng`;
  Deno.writeFileSync(file, joinBytes(pieces));
  assertEquals(
    (await complaints(file, [])).filter((message) => !/^(HTTP\/1.1 200 OK|GET \/)/.test(message)),
    [],
  );
  const { stdout } = await run("tshark", ["-r", file, "-T", "fields", "-e", "_ws.col.Info"]);
  for (
    const info of [
      "Request: GET key",
      "Response: value",
      "GET /index.html HTTP/1.1 ",
      "HTTP/1.1 200 OK ",
      "C: EHLO me",
      "S: 250-mail | 8BITMIME",
      "C: MAIL FROM:<a@b>",
    ]
  ) assert(stdout.includes(info), `${info} in\n${stdout}`);
});

withTools(["tshark"], "tshark reads a dump from a pipe while it is written", async () => {
  const format = createPcapng();
  const connection = connectionOf(1, { port: PORT });
  const child = new Deno.Command(tool("tshark")!, {
    args: [..."-i - -l -n -T fields -e tcp.payload -Y tcp.len>0 -c 7".split(" "), ...NO_DISSECTOR],
    stdin: "piped",
    stdout: "piped",
    stderr: "null",
    env: { HOME: "/proc/nonexistent" },
    signal: AbortSignal.timeout(30_000),
  }).spawn();
  const writer = child.stdin.getWriter();
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  await writer.write(joinBytes([format.start(START), format.open(connection, START)]));
  let got = "";
  for (let i = 1; i <= 4; i++) {
    const bytes = Uint8Array.of(i);
    await writer.write(format.data(connection, { direction: "client", bytes, time: START + i }));
    // tshark prints each packet before the next one is written.
    while (got.split("\n").length <= i) {
      const { done, value } = await reader.read();
      if (done) throw new Error(`tshark ended after ${got}`);
      got += value;
    }
  }
  assertEquals(got, "01\n02\n03\n04\n");
  await writer.close();
  await reader.cancel();
  await child.status;
});
