/** How the bytes of a side become chunks for the observer, and what they cost. */

import { assertEquals } from "@std/assert";
import { DUMP_BLOCK_BYTES } from "../../../../lib/base/limits.ts";
import {
  giveBuffer,
  mayTake,
  MIN_BUFFER_BYTES,
  takeBuffer,
} from "../../../../lib/engine/deno/buffers.ts";
import { joinBytes } from "../../../../lib/base/bytes.ts";
import { randomBytes } from "../../../helpers/bytes.ts";
import { relaying, settled } from "../../../helpers/net/memory_relay.ts";
import { t } from "../../../helpers/t.ts";

const PURE = { permissions: "none" } as const;

/** A relay whose observer keeps the lengths of the chunks from the client. */
function observing() {
  const chunks: number[] = [];
  const relayed = relaying({
    chunk(side, bytes) {
      if (side === "client") chunks.push(bytes.length);
      return undefined;
    },
  });
  return { ...relayed, chunks };
}

t("a message of up to a block is one chunk, a longer one is cut like in 3.35", async () => {
  const near = (size: number) => [size - 1, size, size + 1];
  const sizes = [1, 1500, 9000, ...[512, 1024, 2048, 16_384, 32_768].flatMap(near), 33_792, 40_000];
  for (let size = 1; size < 40_000; size += 1999) sizes.push(size);
  for (const size of sizes) {
    const { client, backend, relay, chunks } = observing();
    const message = randomBytes(size, size);
    client.gives(message);
    await settled();
    const rest = size - DUMP_BLOCK_BYTES;
    assertEquals(chunks, rest > 0 ? [DUMP_BLOCK_BYTES, rest] : [size], `${size} bytes`);
    assertEquals(joinBytes(backend.written), message);
    relay.close();
    await relay.done;
  }
}, PURE);

t(
  "messages one after another are one chunk each, also after one that filled a buffer",
  async () => {
    // After a message of exactly the first buffer, the read for the rest of a block stays pending.
    const sizes = [512, 5000, 512, 32_768, 10, 512, 512, 32_256, 512, 32_767, 1];
    const { client, backend, relay, chunks } = observing();
    const messages = sizes.map((size, i) => randomBytes(size, i));
    for (const message of messages) {
      client.gives(message);
      await settled();
    }
    assertEquals(chunks, sizes);
    assertEquals(joinBytes(backend.written), joinBytes(messages));
    relay.close();
    await relay.done;
  },
  PURE,
);

t("the end of input or an error right after a full buffer is not lost", async () => {
  for (const [how, last] of [["end", null], ["reset", new Error("reset")]] as const) {
    for (const isLater of [false, true]) {
      const { client, backend, relay, chunks, observed } = observing();
      client.gives(new Uint8Array(MIN_BUFFER_BYTES));
      if (isLater) await settled();
      client.gives(last);
      backend.gives(null);
      await relay.done;
      assertEquals([chunks, backend.text.length], [[MIN_BUFFER_BYTES], MIN_BUFFER_BYTES]);
      assertEquals(observed.ended.find(([side]) => side === "client"), ["client", how]);
    }
  }
}, PURE);

t("an observed connection holds a small buffer while it is idle", async () => {
  const { client, backend, relay } = observing();
  assertEquals([client.asked, backend.asked], [[MIN_BUFFER_BYTES], [MIN_BUFFER_BYTES]]);
  for (const size of [10, 5000, 30_000]) {
    client.gives(new Uint8Array(size));
    await settled();
    assertEquals(client.asked.at(-1), MIN_BUFFER_BYTES, `after ${size} bytes`);
  }
  relay.close();
  await relay.done;
}, PURE);

t("a relay that is not observed reads only as much as it has buffers for", async () => {
  const { client, relay } = relaying();
  client.gives(new Uint8Array(3000));
  await settled();
  assertEquals(client.asked, [512, 2048, 8192, 8192]);
  relay.close();
  await relay.done;
}, PURE);

t("chunks are smaller while there is no room for more large buffers", async () => {
  const size = 256 << 10, taken: Uint8Array<ArrayBuffer>[] = [];
  while (mayTake(DUMP_BLOCK_BYTES)) taken.push(takeBuffer(mayTake(size) ? size : DUMP_BLOCK_BYTES));
  const { client, backend, relay, chunks } = observing();
  client.gives(new Uint8Array(5000));
  await settled();
  assertEquals([chunks, backend.text.length], [[512, 2048, 2440], 5000]);
  taken.forEach(giveBuffer);
  assertEquals(mayTake(DUMP_BLOCK_BYTES), true);
  relay.close();
  await relay.done;
}, PURE);

t("relays give all large buffers back, however they end", async () => {
  const room = largeRoom();
  for (const end of ["end", "error", "close"] as const) {
    const { client, backend, relay } = observing();
    // The read for the rest of a block is pending; on the other side, a block is being written.
    client.takes = 0;
    client.gives(new Uint8Array(MIN_BUFFER_BYTES));
    backend.gives(new Uint8Array(20_000));
    await settled();
    assertEquals(largeRoom(), room - 2 * DUMP_BLOCK_BYTES);
    if (end === "close") relay.close();
    else client.gives(end === "end" ? null : new Error("reset"));
    client.takeOn();
    backend.gives(null);
    await relay.done;
    await settled();
    assertEquals(largeRoom(), room, end);
  }
}, PURE);

/** Bytes of large buffers that may be taken now. */
function largeRoom(): number {
  const step = DUMP_BLOCK_BYTES;
  let bytes = 0;
  while (mayTake(bytes + step)) bytes += step;
  return bytes;
}
