import { joinBytes } from "../../../../lib/base/bytes.ts";
import { assert, assertEquals } from "@std/assert";
import { createPcapng } from "../../../../lib/dump/formats/pcapng.ts";
import { randomBytes } from "../../../helpers/bytes.ts";
import { START } from "../../../helpers/dump/generated_traffic.ts";
import { readPackets } from "../../../helpers/dump/pcapng.ts";
import { t } from "../../../helpers/t.ts";
import { accepted, answered, record } from "../../../helpers/dump/format_fixtures.ts";
import { reassemble } from "../../../helpers/dump/pcapng_conversations.ts";

const PURE = { permissions: "none" } as const;

const bytes = (text: string) => new TextEncoder().encode(text);

t("pcapng: a chunk of 10 MB becomes segments below 64 KiB with an ACK every 32 segments", () => {
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
  // The first sequence number is the id times this constant, modulo 2^32.
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

t("pcapng: a truncated chunk keeps its original length", () => {
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

t("pcapng: skipped bytes leave a gap of their length in the sequence numbers", () => {
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
