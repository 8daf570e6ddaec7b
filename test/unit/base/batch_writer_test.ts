import { assert, assertEquals } from "@std/assert";
import { Backlog } from "../../../lib/base/backlog.ts";
import { BatchWriter } from "../../../lib/base/batch_writer.ts";
import { joinBytes } from "../../../lib/base/bytes.ts";
import { latin1FromBytes } from "../../helpers/golden/golden.ts";
import { t } from "../../helpers/t.ts";

const PURE = { permissions: "none" } as const;
const MiB = 1 << 20;
const KiB64 = 64 << 10;
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

/** A slow reader: each write waits until the test completes it. */
function slow(options: { queueBytes?: number; backlog?: Backlog } = {}) {
  const writes: {
    bytes: Uint8Array;
    done: (count?: number) => void;
    fail: (e: unknown) => void;
  }[] = [];
  const failures: unknown[] = [];
  const writer = new BatchWriter(
    (chunk) => {
      const { promise, resolve, reject } = Promise.withResolvers<number>();
      writes.push({
        bytes: chunk.slice(),
        done: (count = chunk.length) => resolve(count),
        fail: reject,
      });
      return promise;
    },
    (error) => failures.push(error),
    options,
  );
  /** Completes the pending write, and waits for the next one to start. */
  async function next(count?: number): Promise<void> {
    writes.at(-1)?.done(count);
    await settled();
  }
  return { writer, writes, failures, next };
}

/** Waits until all pending microtasks have run. */
function settled(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

t(
  "BatchWriter writes one batch at a time; bytes pushed meanwhile form the next, in order",
  async () => {
    const { writer, writes, next } = slow();
    for (const text of ["a", "b", "c"]) writer.push(bytes(text));
    await settled();
    assertEquals(writes.map((one) => latin1FromBytes(one.bytes)), ["a"]);
    await next();
    writer.push(bytes("d"));
    assertEquals(writes.map((one) => latin1FromBytes(one.bytes)), ["a", "bc"]);
    await next();
    await next();
    await writer.flush();
    assertEquals(writes.map((one) => latin1FromBytes(one.bytes)), ["a", "bc", "d"]);
  },
  PURE,
);

t("BatchWriter continues after a short write", async () => {
  const { writer, writes, next } = slow();
  writer.push(bytes("abcdef"));
  await next(1);
  await next(3);
  await next();
  await writer.flush();
  assertEquals(writes.map((one) => latin1FromBytes(one.bytes)), ["abcdef", "bcdef", "ef"]);
}, PURE);

t("BatchWriter ends a batch at the first push that reaches 64 KiB", async () => {
  const { writer, writes, next } = slow();
  writer.push(bytes("x"));
  for (let i = 0; i < 5; i++) writer.push(new Uint8Array(30_000));
  writer.push(new Uint8Array(200_000));
  for (let i = 0; i < 4; i++) await next();
  await writer.flush();
  assertEquals(writes.map((one) => one.bytes.length), [1, 90_000, 60_000 + 200_000]);
  assert(writes.every((one) => one.bytes.length < KiB64 + 200_000));
}, PURE);

t("BatchWriter does not write zero bytes", async () => {
  const { writer, writes } = slow();
  writer.push(new Uint8Array());
  await writer.flush();
  assertEquals([writes.length, writer.room()], [0, undefined]);
}, PURE);

t("BatchWriter makes senders wait at 1 MiB until there is room again", async () => {
  const { writer, next } = slow();
  writer.push(new Uint8Array(MiB - 1));
  assertEquals(writer.room(), undefined);
  writer.push(new Uint8Array(1));
  const [first, second] = [writer.room(), writer.room()];
  assert(first !== undefined);
  assertEquals(first, second);
  let rooms = 0;
  first.then(() => rooms++);
  await settled();
  assertEquals(rooms, 0);
  await next();
  assertEquals([rooms, writer.room()], [1, undefined]);
  await next();
  await writer.flush();
}, PURE);

t("BatchWriter reports an error once, drops everything, and releases waiting senders", async () => {
  const { writer, writes, failures } = slow();
  writer.push(new Uint8Array(MiB));
  writer.push(new Uint8Array(MiB));
  const room = writer.room();
  const gone = new Deno.errors.BrokenPipe("no reader");
  writes[0]?.fail(gone);
  await room;
  await writer.flush();
  writer.push(new Uint8Array(2 * MiB));
  assertEquals(writer.room(), undefined);
  await writer.flush();
  assertEquals([failures, writes.length], [[gone], 1]);
}, PURE);

t("BatchWriter: flush() waits until everything pushed is written", async () => {
  const { writer, writes, next } = slow();
  let flushed = false;
  writer.push(bytes("a"));
  writer.push(bytes("b"));
  const flushing = writer.flush().then(() => flushed = true);
  await next();
  assertEquals([writes.length, flushed], [2, false]);
  await next();
  await flushing;
  assertEquals(flushed, true);
  // The writer can be used again.
  writer.push(bytes("c"));
  await next();
  await writer.flush();
  assertEquals(latin1FromBytes(writes[2]?.bytes ?? new Uint8Array()), "c");
}, PURE);

t("BatchWriter runs a step between the bytes before and after it", async () => {
  const { writer, writes, next } = slow();
  const { promise, resolve } = Promise.withResolvers<void>();
  const events: string[] = [];
  writer.push(bytes("a"));
  writer.push(bytes("b"));
  writer.pushStep(() => {
    events.push(`step after ${writes.length} writes`);
    return promise;
  });
  writer.push(bytes("c"));
  await next();
  await next();
  assertEquals(events, ["step after 2 writes"]);
  assertEquals(writes.length, 2);
  assertEquals(writer.queuedBytes, 1);
  resolve();
  await settled();
  await next();
  await writer.flush();
  assertEquals(writes.map((one) => latin1FromBytes(one.bytes)), ["a", "b", "c"]);
}, PURE);

t("BatchWriter: a step that fails is reported, and everything after it is dropped", async () => {
  const { writer, writes, failures } = slow();
  const error = new Deno.errors.NotFound("no file");
  writer.pushStep(() => Promise.reject(error));
  writer.push(bytes("a"));
  await writer.flush();
  assertEquals([failures, writes.length, writer.queuedBytes], [[error], 0, 0]);
}, PURE);

t("BatchWriter: queueBytes decides when senders wait", () => {
  const { writer } = slow({ queueBytes: 10 });
  writer.push(bytes("123456789"));
  assertEquals(writer.room(), undefined);
  writer.push(bytes("0"));
  assert(writer.room() instanceof Promise);
}, PURE);

t("BatchWriter: close() writes what is queued, and accepts nothing more", async () => {
  const { writer, writes, next } = slow({ queueBytes: 1 });
  writer.push(bytes("a"));
  writer.push(bytes("b"));
  const room = writer.room();
  const closed = writer.close({ patienceMs: 10_000 });
  await room;
  writer.push(bytes("late"));
  assertEquals(writer.room(), undefined);
  await next();
  await next();
  assertEquals(await closed, true);
  assertEquals(writes.map((one) => latin1FromBytes(one.bytes)), ["a", "b"]);
}, PURE);

t("BatchWriter: close() waits while the reader is slow, and gives up when it stalls", async () => {
  const { writer, writes, failures, next } = slow();
  for (let i = 0; i < 8; i++) writer.push(new Uint8Array(KiB64));
  const patienceMs = 600;
  const closed = writer.close({ patienceMs });
  const start = performance.now();
  // Slower in total than its patience, but without a pause that long.
  for (let i = 0; i < 5; i++) {
    await new Promise((resolve) => setTimeout(resolve, 150));
    await next();
  }
  assertEquals(await closed, false);
  assert(performance.now() - start >= 5 * 150 + patienceMs - 10);
  assertEquals(writes.length, 6);
  // The write that was pending may fail later; that is not reported.
  let idle = false;
  const idling = writer.idle().then(() => idle = true);
  await settled();
  assertEquals(idle, false);
  writes[5]!.fail(new Deno.errors.BrokenPipe("no reader"));
  await idling;
  assertEquals([failures, writer.queuedBytes], [[], 0]);
}, PURE);

t("BatchWriter: abandon() drops everything and ends flush()", async () => {
  const { writer, writes, next } = slow({ queueBytes: 1 });
  writer.push(bytes("a"));
  writer.push(bytes("b"));
  const [room, flushed] = [writer.room(), writer.flush()];
  writer.abandon();
  await room;
  await flushed;
  writer.push(bytes("c"));
  await next();
  await writer.idle();
  assertEquals(writes.map((one) => latin1FromBytes(one.bytes)), ["a"]);
}, PURE);

t("BatchWriter keeps the order of short pieces, long ones and steps", async () => {
  const { writer, writes, next } = slow();
  const pushed: Uint8Array[] = [];
  const push = (length: number) => {
    pushed.push(new Uint8Array(length).fill(pushed.length));
    writer.push(pushed.at(-1)!);
  };
  push(1);
  for (let i = 0; i < 40; i++) push(300);
  push(1);
  push(2000);
  push(1);
  let writesBefore = 0;
  writer.pushStep(() => {
    writesBefore = writes.length;
    return Promise.resolve();
  });
  push(1);
  assertEquals(writer.queuedBytes, pushed.reduce((sum, { length }) => sum + length, 0));
  while (writer.queuedBytes > 0) await next();
  await writer.flush();
  assertEquals(joinBytes(writes.map((one) => one.bytes)), joinBytes(pushed));
  assertEquals([writesBefore, writes.length], [2, 3]);
}, PURE);

t("BatchWriter: a million short pieces take little more memory than their bytes", async () => {
  const { writer, next } = slow();
  writer.push(bytes("first"));
  const before = Deno.memoryUsage();
  const pieces = 1_000_000, piece = bytes("-> 0\n\n");
  for (let i = 0; i < pieces; i++) writer.push(piece.slice());
  const { heapUsed, external } = Deno.memoryUsage();
  const growth = heapUsed + external - before.heapUsed - before.external;
  assert(growth < 100 * MiB, `${growth} bytes`);
  while (writer.queuedBytes > 0) await next();
});

t("BatchWriter counts the records that it discards, also in blocks of short ones", async () => {
  const { writer, writes, next } = slow();
  writer.push(bytes("header"), 0);
  for (let i = 0; i < 1000; i++) writer.push(bytes("-> 0\n\n"));
  writer.push(new Uint8Array(2000), 3);
  writer.push(new Uint8Array(KiB64));
  writer.push(bytes("last"));
  await next();
  assertEquals([writes.length, writer.discarded], [2, 0]);
  // The second batch is written: all of it but the last record.
  await next();
  assertEquals([writes.length, writer.queuedBytes], [3, 4]);
  writer.push(bytes("more"));
  writes.at(-1)!.fail(new Error("full"));
  await settled();
  assertEquals(writer.discarded, 2);
  writer.push(bytes("late"));
  assertEquals(writer.discarded, 2);
}, PURE);

t("BatchWriter: writers that share a backlog share its limit", async () => {
  const backlog = new Backlog(10);
  const one = slow({ backlog }), other = slow({ backlog });
  one.writer.push(bytes("12345"));
  assertEquals(other.writer.room(), undefined);
  other.writer.push(bytes("67890"));
  const room = one.writer.room();
  assert(room instanceof Promise);
  assertEquals([one.writer.queuedBytes, other.writer.queuedBytes, backlog.size], [5, 5, 10]);
  // What one of them discards is room for the other.
  other.writer.abandon();
  await room;
  assertEquals([backlog.size, one.writer.room()], [5, undefined]);
  await one.next();
  await one.writer.flush();
  assertEquals(backlog.size, 0);
  await other.next();
}, PURE);
