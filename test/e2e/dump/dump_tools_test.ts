/**
 * What the dumps are for: Debian's tools read them, and get the same bytes. (Real servers behind
 * a running balance are tested elsewhere.)
 */
import { joinBytes } from "../../../lib/base/bytes.ts";
import type { ConnectionRoute } from "../../../lib/base/connection_info.ts";
import type { Side } from "../../../lib/base/side.ts";
import { assert, assertEquals, assertMatch } from "@std/assert";
import type { DumpFormat } from "../../../lib/dump/formats/format.ts";
import { createHex } from "../../../lib/dump/formats/hex.ts";
import { createPcapng } from "../../../lib/dump/formats/pcapng.ts";
import { localTime } from "../../../lib/dump/formats/times.ts";
import { randomBytes } from "../../helpers/bytes.ts";
import {
  connectionOf,
  type Conversation,
  makeTraffic,
  START,
  type Traffic,
} from "../../helpers/dump/generated_traffic.ts";
import { complaints, follow, NO_DISSECTOR, PORT, run } from "../../helpers/dump/capture_tools.ts";
import { tool, withTools } from "../../helpers/t.ts";
import { tempDir } from "../../helpers/temp_dir.ts";

function conversationOf(traffic: Traffic, port: number): Conversation {
  return traffic.conversations.find(({ connection }) => connection.client.port === port)!;
}

withTools(
  ["tshark"],
  "tshark follows every stream to the same bytes, without a complaint",
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

withTools(["tshark"], "tshark sees chunks of 1 byte to 10 MB, and resets", async () => {
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

withTools(["tshark"], "tshark puts 2000 connections together from their packets", async () => {
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
  "tshark shows events as comments, and gaps for what was left out",
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

withTools(["tshark"], "tshark takes cut chunks and cut files, up to the cut", async () => {
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

  // Killed while writing.
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
});

withTools(
  ["tshark"],
  "tshark reads the files of a rotation one by one, without a complaint",
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
    // Each one is seen before the next one is written.
    while (got.split("\n").length <= i) got += (await reader.read()).value;
  }
  assertEquals(got, "01\n02\n03\n04\n");
  await writer.close();
  await reader.cancel();
  await child.status;
});

withTools(["tcpdump"], "tcpdump finds every checksum correct, for IPv4 and IPv6", async () => {
  using dir = tempDir();
  const file = `${dir.path}/dump.pcapng`;
  const traffic = makeTraffic(createPcapng({ side: "both" }), {
    seed: 15,
    connections: 30,
    maxChunk: 150_000,
  });
  Deno.writeFileSync(file, traffic.files[0]!);
  const { code, stdout, stderr } = await run("tcpdump", ["-vv", "-n", "-r", file]);
  assertEquals(code, 0);
  assertMatch(
    stderr,
    /^reading from file .*, link-type RAW \(Raw IP\), snapshot length 262144\n.*$/,
  );
  const correct = stdout.match(/cksum 0x[0-9a-f]{4} \(correct\)/g)!.length;
  const packets = stdout.match(/^\d\d:\d\d:\d\d/gm)!.length;
  assertEquals(correct, packets);
  assert(!/bad|incorrect|truncated|malformed/.test(stdout.replace(/length \d+: .*/g, "")));
  assertMatch(stdout, /^06:03:20\.123456 IP/);
});

withTools(["tcpflow"], "tcpflow splits a dump into the same bytes", async () => {
  using dir = tempDir();
  const file = `${dir.path}/dump.pcapng`;
  const traffic = makeTraffic(createPcapng(), { seed: 16, connections: 30, maxChunk: 100_000 });
  Deno.writeFileSync(file, traffic.files[0]!);
  const { code } = await run("tcpflow", ["-r", file, "-o", dir.path, "-a", "-X", "/dev/null"]);
  assertEquals(code, 0);
  const flows = Array.from(Deno.readDirSync(dir.path), ({ name }) => name);
  const flow = (from: number, to: number) => {
    const five = (port: number) => String(port).padStart(5, "0");
    const name = flows.find((each) =>
      each.includes(`.${five(from)}-`) && each.endsWith(`.${five(to)}`)
    );
    return name === undefined ? new Uint8Array(0) : Deno.readFileSync(`${dir.path}/${name}`);
  };
  for (const { connection: { client, listener }, sent } of traffic.conversations) {
    assertEquals(flow(client.port, listener.port), sent.client);
    assertEquals(flow(listener.port, client.port), sent.backend);
  }
});

withTools(["capinfos"], "capinfos shows who recorded what", async () => {
  using dir = tempDir();
  const file = `${dir.path}/dump.pcapng`;
  const format = createPcapng({ application: "balance 4.0.0", side: "both" });
  Deno.writeFileSync(
    file,
    joinBytes([format.start(START), format.open(connectionOf(1), START), format.lost(5, START)]),
  );
  const { stdout, stderr, code } = await run("capinfos", [file]);
  assertEquals([code, stderr], [0, ""]);
  for (
    const line of [
      /^File type: +Wireshark\/\.\.\. - pcapng$/m,
      /^File encapsulation: +Raw IP$/m,
      /^File timestamp precision: +microseconds \(6\)$/m,
      /^Capture application: balance 4\.0\.0$/m,
      /Name = both$/m,
      /Number of stat entries = 1$/m,
      /^First packet time: +2026-11-22 06:03:20\.123456$/m,
    ]
  ) assertMatch(stdout, line);
});

/** Text whose right column could be taken for offsets, bytes, comments or directions. */
const TRICKY = [
  "00000010  61 62 63 64\n",
  "ab cd ef 00 11 22 33 44 55 66 77 88 99 aa bb cc ",
  "# comment\n#TEXT2PCAP x\n",
  "I 2026-11-22 06:03:20.123456\n000000 00 01 02\n",
  "> > 000000 aa\n",
  "0000\n0000 \n0000:\n",
  "||||",
  " ".repeat(64),
];

/** One connection in the hex format: the dump and what went each way. */
function hexStory(connection: ConnectionRoute, chunks: readonly [Side, Uint8Array][]) {
  const format: DumpFormat = createHex();
  const pieces = [
    format.start(START),
    format.open(connection, START),
    format.event(connection, { text: "00 11 dead beef\n0000 00", time: START }),
    format.connected(connection, START),
    ...chunks.map(([direction, bytes], index) =>
      format.data(connection, { direction, bytes, time: START + index })
    ),
    format.end(connection, { direction: "client", how: "end", time: START }),
    format.close(connection, START),
  ];
  return joinBytes(pieces);
}

withTools(
  ["text2pcap", "tshark"],
  "text2pcap reads the hex format back to the same bytes",
  async () => {
    using dir = tempDir();
    const chunks: [Side, Uint8Array][] = [
      ...TRICKY.map((text): [Side, Uint8Array] => ["client", new TextEncoder().encode(text)]),
      ...TRICKY.map((text): [Side, Uint8Array] => ["backend", new TextEncoder().encode(text)]),
      ...Array.from({ length: 60 }, (_, i): [Side, Uint8Array] => [
        i % 2 === 0 ? "client" : "backend",
        randomBytes(i < 40 ? i + 1 : 40_000 + i, i),
      ]),
      // Hexadecimal digits and blanks only, cut anywhere.
      ...Array.from({ length: 100 }, (_, i): [Side, Uint8Array] => [
        "backend",
        randomBytes(50, i).map((value) => "0123456789abcdef      \n\t#>|I".charCodeAt(value % 29)),
      ]),
    ];
    for (const family of [4, 6] as const) {
      const connection = connectionOf(1, { family, port: PORT });
      const { client, listener } = connection;
      Deno.writeFileSync(`${dir.path}/dump.hex`, hexStory(connection, chunks));
      const { code, stderr } = await run("text2pcap", [
        ...["-D", "-t", "%Y-%m-%d %H:%M:%S.%f", "-T", `${client.port},${listener.port}`],
        ...[`-${family}`, `${client.address},${listener.address}`],
        ...[`${dir.path}/dump.hex`, `${dir.path}/dump.pcapng`],
      ]);
      assertEquals(code, 0);
      const blocks = chunks.reduce((sum, [, bytes]) => sum + Math.ceil(bytes.length / 32768), 0);
      assertMatch(stderr, new RegExp(`Read ${blocks} potential packets, wrote ${blocks} packets`));
      assert(!/Inconsistent|warning/i.test(stderr), stderr);

      const { stdout } = await run("tshark", [
        ...["-r", `${dir.path}/dump.pcapng`, ...NO_DISSECTOR, "-T", "fields"],
        ...["-e", "frame.time_epoch", "-e", "tcp.srcport", "-e", "tcp.payload"],
      ]);
      const packets = stdout.trimEnd().split("\n").map((line) => line.split("\t"));
      const wanted = chunks.flatMap(([direction, bytes], index) => {
        // text2pcap was told that the local time is UTC.
        const time = Date.parse(localTime(START).slice(0, 19).replace(" ", "T") + "Z") / 1000;
        const { port } = direction === "client" ? client : listener;
        const parts = [bytes.subarray(0, 32768), bytes.subarray(32768)].filter(({ length }) =>
          length
        );
        return parts.map((part) => [`${time}.${123456 + index}000`, `${port}`, part.toHex()]);
      });
      assertEquals(packets, wanted);

      const [stream] = await follow(`${dir.path}/dump.pcapng`, 1);
      for (const direction of ["client", "backend"] as const) {
        const all = chunks.filter(([who]) => who === direction).map(([, bytes]) => bytes);
        assertEquals(stream!.sent[direction], joinBytes(all));
      }
    }
  },
);

withTools(
  ["text2pcap", "tshark", "awk"],
  "awk takes one connection out of a hex dump",
  async () => {
    using dir = tempDir();
    const traffic = makeTraffic(createHex(), { seed: 17, connections: 5, family: 4, port: PORT });
    const all = `${dir.path}/all.hex`, one = `${dir.path}/one.hex`, pcap = `${dir.path}/one.pcapng`;
    Deno.writeFileSync(all, traffic.files[0]!);
    for (const { connection: { id, client, listener }, chunks } of traffic.conversations) {
      const program = `$4 == "#${id}"`;
      const { stdout } = await run("awk", ["-v", "RS=", "-v", "ORS=\n\n", program, all]);
      Deno.writeTextFileSync(one, stdout);
      const { code } = await run("text2pcap", [
        ...["-D", "-t", "%Y-%m-%d %H:%M:%S.%f", "-T", `${client.port},${listener.port}`],
        ...["-4", `${client.address},${listener.address}`, one, pcap],
      ]);
      assertEquals(code, 0);
      const fields = ["-T", "fields", "-e", "tcp.srcport", "-e", "tcp.payload"];
      const found = await run("tshark", ["-r", pcap, ...NO_DISSECTOR, ...fields]);
      assertEquals(
        found.stdout.trimEnd().split("\n"),
        chunks.map(({ direction, bytes }) =>
          `${(direction === "client" ? client : listener).port}\t${bytes.toHex()}`
        ),
      );
    }
  },
);
