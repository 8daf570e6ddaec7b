import { assertEquals } from "@std/assert";
import type { Ending } from "../../../../lib/base/side.ts";
import { STREAM_BYTES } from "../../../../lib/engine/deno/buffers.ts";
import { startReading } from "../../../../lib/engine/deno/read_ahead.ts";
import { FakeConn, settled } from "../../../helpers/net/memory_relay.ts";
import { t } from "../../../helpers/t.ts";

const PURE = { permissions: "none" } as const;

function reading(conn: FakeConn) {
  const ends: [Ending, number][] = [];
  const reader = startReading(conn, (how, bytes) => void ends.push([how, bytes]));
  return { reader, ends };
}

t("reading ahead keeps what arrives, and reports the end with the number of bytes", async () => {
  const bytes = new Uint8Array(5000).map((_, i) => i % 251);
  for (const [end, how] of [[null, "end"], [new Deno.errors.ConnectionReset(), "reset"]] as const) {
    const conn = new FakeConn(), { reader, ends } = reading(conn);
    conn.gives(bytes.slice(0, 700), bytes.slice(700), end);
    await settled();
    await settled();
    assertEquals(ends, [[how, 5000]]);
    const { buffer, arrived } = reader.take();
    assertEquals(buffer.slice(0, arrived), bytes);
  }
}, PURE);

t("reading ahead stops when its buffer is full", async () => {
  const conn = new FakeConn(), { reader, ends } = reading(conn);
  conn.gives(new Uint8Array(STREAM_BYTES + 1), null);
  for (let i = 0; i < 10; i++) await settled();
  const { buffer, arrived, pending } = reader.take();
  assertEquals([buffer.length, arrived, pending, ends], [
    STREAM_BYTES,
    STREAM_BYTES,
    undefined,
    [],
  ]);
}, PURE);

t("after it was taken, reading ahead reports nothing and leaves the buffer alone", async () => {
  const conn = new FakeConn(), { reader, ends } = reading(conn);
  conn.gives("abc");
  await settled();
  const { buffer, arrived, pending } = reader.take();
  conn.gives("def", null);
  assertEquals([arrived, await pending], [3, 3]);
  await settled();
  assertEquals(new TextDecoder().decode(buffer.slice(0, 6)), "abcdef");
  assertEquals([ends, conn.asked.length], [[], 2]);
}, PURE);
