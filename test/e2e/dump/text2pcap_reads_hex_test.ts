/** text2pcap and awk read the hex format, without a running balance. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { joinBytes } from "../../../lib/base/bytes.ts";
import type { ConnectionRoute } from "../../../lib/base/connection_info.ts";
import type { Side } from "../../../lib/base/side.ts";
import type { DumpFormat } from "../../../lib/dump/formats/format.ts";
import { createHex } from "../../../lib/dump/formats/hex.ts";
import { localTime } from "../../../lib/dump/formats/times.ts";
import { randomBytes } from "../../helpers/bytes.ts";
import { follow, NO_DISSECTOR, PORT, run } from "../../helpers/dump/capture_tools.ts";
import { connectionOf, makeTraffic, START } from "../../helpers/dump/generated_traffic.ts";
import { withTools } from "../../helpers/t.ts";
import { tempDir } from "../../helpers/temp_dir.ts";

/** Texts that look like offsets, bytes, comments or directions in the right column. */
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

/** A hex dump of one connection with these chunks. */
function hexDump(connection: ConnectionRoute, chunks: readonly [Side, Uint8Array][]) {
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
  "text2pcap reads the same bytes from a hex dump",
  async () => {
    using dir = tempDir();
    const chunks: [Side, Uint8Array][] = [
      ...TRICKY.map((text): [Side, Uint8Array] => ["client", new TextEncoder().encode(text)]),
      ...TRICKY.map((text): [Side, Uint8Array] => ["backend", new TextEncoder().encode(text)]),
      ...Array.from({ length: 60 }, (_, i): [Side, Uint8Array] => [
        i % 2 === 0 ? "client" : "backend",
        randomBytes(i < 40 ? i + 1 : 40_000 + i, i),
      ]),
      // Hexadecimal digits and blanks only.
      ...Array.from({ length: 100 }, (_, i): [Side, Uint8Array] => [
        "backend",
        randomBytes(50, i).map((value) => "0123456789abcdef      \n\t#>|I".charCodeAt(value % 29)),
      ]),
    ];
    for (const family of [4, 6] as const) {
      const connection = connectionOf(1, { family, port: PORT });
      const { client, listener } = connection;
      Deno.writeFileSync(`${dir.path}/dump.hex`, hexDump(connection, chunks));
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
        // text2pcap takes the local time for UTC.
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
  "awk extracts one connection from a hex dump",
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
