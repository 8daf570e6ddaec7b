import { assert, assertEquals } from "@std/assert";
import { LineQueue } from "../../../lib/system/line_queue.ts";
import { t, until } from "../../helpers/t.ts";

const decoder = new TextDecoder();

/** Standard error in memory: a reader that may be stopped, on a disk with `room` free bytes. */
class Stream {
  text = "";
  writes: number[] = [];
  room = Infinity;
  /** Each write waits for this promise. */
  gate: Promise<void> | undefined;

  async write(bytes: Uint8Array): Promise<number> {
    await this.gate;
    if (this.room === 0) throw new Error("No space left on device (os error 28)");
    const count = Math.min(bytes.length, this.room);
    this.room -= count;
    this.writes.push(count);
    this.text += decoder.decode(bytes.subarray(0, count));
    return count;
  }
}

function queueOn(stream: Stream): LineQueue {
  return new LineQueue(stream, "standard error");
}

t("LineQueue writes lines in order, in batches of at most 4096 bytes", async () => {
  const stream = new Stream();
  const queue = queueOn(stream);
  const lines = Array.from({ length: 1000 }, (_, i) => `line ${i}`);
  lines.forEach(queue.line);
  queue.line("x".repeat(10_000));
  queue.text("one\ntwo\n");
  assertEquals(stream.text, "", "a line waited for the stream");
  assertEquals(await queue.close(), true);
  assertEquals(stream.text, `${lines.join("\n")}\n${"x".repeat(10_000)}\none\ntwo\n`);
  assert(stream.writes.filter((count) => count > 4096).length === 1);
  assert(stream.writes.length < 10, `${stream.writes.length} writes`);
});

t(
  "LineQueue drops and counts what a stopped reader leaves no room for, and reports it",
  async () => {
    const stream = new Stream();
    const reading = Promise.withResolvers<void>();
    stream.gate = reading.promise;
    const queue = queueOn(stream);
    for (let i = 0; i < 3000; i++) queue.line("x".repeat(999));
    const { dropped } = queue;
    assert(dropped > 1900 && dropped < 2000, `${dropped} dropped`);
    reading.resolve();
    await until(() => stream.text.includes("too slow"));
    queue.line("after");
    await queue.close();
    assertEquals(
      stream.text.replaceAll(`${"x".repeat(999)}\n`, ""),
      `balance: ${dropped} messages were dropped, standard error is too slow\nafter\n`,
    );
    assertEquals(queue.dropped, dropped);
  },
);

t("LineQueue reports what an error of the stream cost, after whole lines", async () => {
  const stream = new Stream();
  const queue = queueOn(stream);
  stream.room = 8;
  queue.line("first");
  queue.line("second");
  await until(() => queue.dropped === 1);
  queue.line("third");
  await until(() => queue.dropped === 2);
  stream.room = Infinity;
  queue.line("fourth");
  await queue.close();
  assertEquals(
    stream.text,
    "first\nse\nfourth\n" +
      "balance: 2 messages were dropped, can't write to standard error: No space left on device\n",
  );
  assertEquals(queue.dropped, 2);
});

t("LineQueue keeps the count when even the report cannot be written", async () => {
  const stream = new Stream();
  const queue = queueOn(stream);
  stream.room = 0;
  queue.line("lost");
  await until(() => queue.dropped === 1);
  stream.room = 5;
  queue.line("one.");
  queue.line("lost");
  await until(() => queue.dropped === 2);
  await until(() => stream.room === 0);
  stream.room = Infinity;
  await queue.close();
  assertEquals(
    stream.text,
    "one.\n" +
      "balance: 2 messages were dropped, can't write to standard error: No space left on device\n",
  );
});

t("LineQueue.close() gives up when the reader takes nothing for a second", async () => {
  const stream = new Stream();
  stream.gate = new Promise(() => {});
  const queue = queueOn(stream);
  queue.line("stuck");
  const started = performance.now();
  assertEquals(await queue.close(), false);
  const took = performance.now() - started;
  assert(took >= 990 && took < 5000, `${took} ms`);
  queue.line("late");
  assertEquals(queue.dropped, 0);
});

t("LineQueue.close() waits for a slow reader", async () => {
  const stream = new Stream();
  const slow = {
    write: async (bytes: Uint8Array) => {
      await new Promise((resolve) => setTimeout(resolve, 300));
      return await stream.write(bytes);
    },
  };
  const queue = new LineQueue(slow, "standard error");
  for (let i = 0; i < 5; i++) queue.line("x".repeat(4000));
  assertEquals(await queue.close(), true);
  assertEquals(stream.text.length, 5 * 4001);
});
