import { assert, assertEquals } from "@std/assert";
import { createHash } from "node:crypto";
import { writeAll } from "../../../lib/base/bytes.ts";
import { randomBytes } from "../../helpers/bytes.ts";
import { backend, stalledReader } from "../../helpers/net/backends.ts";
import { connect, hashToEnd, readText } from "../../helpers/net/client.ts";
import type { Balance } from "../../helpers/program/start_balance.ts";
import { startControlled } from "../../helpers/program/start_controlled.ts";
import { later, t, until, untilStill } from "../../helpers/t.ts";

const TOTAL = 50_000_000;
/** Memory that the relay may use for 50 MB in transit. */
const MAX_GROWTH = 20_000_000;
const BLOCK = randomBytes(1_000_000, 50);

function expectedHash(): string {
  const hash = createHash("sha256");
  for (let sent = 0; sent < TOTAL; sent += BLOCK.length) hash.update(BLOCK);
  return hash.digest("hex");
}

/** Sends 50 MB in blocks and counts the bytes. */
function sender(): {
  sent: () => number;
  run: (send: (block: Uint8Array<ArrayBuffer>) => Promise<void>) => Promise<void>;
} {
  let sent = 0;
  return {
    sent: () => sent,
    async run(send) {
      for (; sent < TOTAL; sent += BLOCK.length) await send(BLOCK);
    },
  };
}

/** Waits until a sender makes no more progress: all buffers are full. */
async function stalled(sent: () => number): Promise<void> {
  await untilStill(sent, { looks: 25, what: "the sender to stall" });
}

function assertBounded(balance: Balance, before: number): void {
  const growth = balance.rss() - before;
  assert(growth < MAX_GROWTH, `memory grew by ${growth} bytes while the reader stalled`);
}

t("50 MB to a backend that stops reading are held back, and arrive complete later", async () => {
  const hash = createHash("sha256");
  const onChunk = (chunk: Uint8Array) => void hash.update(chunk);
  await using server = stalledReader({ greeting: "hi", onChunk });
  await using balance = await startControlled(["-f", "PORT", server.address]);
  await using client = await connect(balance.port);
  assertEquals(await readText(client, 2), "hi");
  const before = balance.rss();
  const { sent, run } = sender();
  const sending = later(run((block) => client.send(block)).then(() => client.closeWrite()));
  await stalled(sent);
  assert(sent() < TOTAL, "everything was accepted although the other side did not read");
  assertBounded(balance, before);
  server.resume();
  await sending;
  await until(() => server.totals.length === 1, { timeoutMs: 20_000, what: "the end" });
  assertEquals([server.totals[0], hash.digest("hex")], [TOTAL, expectedHash()]);
  assertBounded(balance, before);
});

t("50 MB to a client that stops reading are held back, and arrive complete later", async () => {
  const { sent, run } = sender();
  await using server = backend((conn) => run((block) => writeAll(conn, block)));
  await using balance = await startControlled(["-f", "PORT", server.address]);
  const before = balance.rss();
  await using client = await connect(balance.port);
  await stalled(sent);
  assert(sent() < TOTAL, "everything was accepted although the other side did not read");
  assertBounded(balance, before);
  const result = await hashToEnd(client, { timeoutMs: 20_000 });
  assertEquals(result, { length: TOTAL, sha256: expectedHash(), end: "EOF" });
  assertBounded(balance, before);
});

t("a stalled direction does not hold up the other direction", async () => {
  const { sent, run } = sender();
  const got: number[] = [];
  await using server = backend(async (conn) => {
    const flooding = later(run((block) => writeAll(conn, block)));
    const one = new Uint8Array(1);
    while (await conn.read(one) !== null) got.push(one[0] ?? -1);
    await flooding;
  });
  await using balance = await startControlled(["-f", "PORT", server.address]);
  await using client = await connect(balance.port);
  await stalled(sent);
  for (let byte = 0; byte < 10; byte++) {
    await client.send(new Uint8Array([byte]));
    await until(() => got.length === byte + 1, { what: `byte ${byte} to arrive` });
  }
});
