import { joinBytes } from "../../../../lib/base/bytes.ts";
import { assertEquals } from "@std/assert";
import { createPcapng } from "../../../../lib/dump/formats/pcapng.ts";
import { randomBytes } from "../../../helpers/bytes.ts";
import { connectionOf, START } from "../../../helpers/dump/generated_traffic.ts";
import { readPackets } from "../../../helpers/dump/pcapng.ts";
import { t } from "../../../helpers/t.ts";
import { accepted, answered, record } from "../../../helpers/dump/format_fixtures.ts";
import { reassemble } from "../../../helpers/dump/pcapng_conversations.ts";

const PURE = { permissions: "none" } as const;

t("pcapng: bytes and checksums are correct for chunks of all sizes, with IPv4 and IPv6", () => {
  for (const family of [4, 6] as const) {
    const format = createPcapng();
    const connection = connectionOf(1, { family });
    const sizes = [...Array(40).keys(), 1459, 1460, 65494, 65495, 65496, 65515, 65516, 131030];
    const sent: Record<"client" | "backend", Uint8Array[]> = { client: [], backend: [] };
    const file = record(format, () => [
      format.open(connection, START),
      ...sizes.map((size, index) => {
        const direction = index % 3 === 0 ? "backend" : "client";
        // An odd offset in memory, as in a slice.
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

t("pcapng: with one IPv4 and one IPv6 end both are written as IPv6; an unknown end is ::", () => {
  const format = createPcapng({ side: "both" });
  const mixed = { ...accepted, listener: { address: "2001:db8::5", port: 80 } };
  const { local: _, ...unknown } = { ...answered, ...mixed };
  const packets = readPackets(record(format, () => [format.open(unknown, START)]));
  assertEquals(packets[0]!.from, "[0:0:0:0:0:ffff:a00:1]:40001");
  assertEquals(packets[3]!.from, "[0:0:0:0:0:0:0:0]:1041");
}, PURE);
