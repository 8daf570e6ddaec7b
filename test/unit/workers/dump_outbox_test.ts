import type { Tap } from "../../../lib/connection/observe.ts";
import type { ConnectionInfo } from "../../../lib/base/connection_info.ts";
import { assert, assertEquals } from "@std/assert";
import { tempDir } from "../../helpers/temp_dir.ts";
import { t, within } from "../../helpers/t.ts";
import {
  accepted,
  answered,
  ONE_CONNECTION,
  oneConnection,
} from "../../helpers/dump/dump_records.ts";
import { dumperOf } from "../../helpers/dump/dumper_of.ts";
import { worker } from "../../helpers/dump/worker_dump.ts";

const PURE = { permissions: "none" } as const;

const bytes = (text: string) => new TextEncoder().encode(text);

t("WorkerDump sends the records in batches, with copies of the bytes", async () => {
  const { dump, records, batches, arrive } = worker(undefined);
  oneConnection(dump.taps as (subject: ConnectionInfo) => Tap | undefined);
  await Promise.resolve();
  assertEquals(batches.length, 1);
  // Records made while a batch is pending go into the next one.
  for (let id = 3; id < 6; id++) dump.taps(accepted(id) as never);
  await Promise.resolve();
  assertEquals(batches.length, 1);
  await arrive();
  assertEquals(records, [...ONE_CONNECTION, "#3 open", "#4 open", "#5 open"]);
  // The relay reuses its buffer at once.
  const tap = dump.taps(answered(2) as never)!;
  const buffer = bytes("before");
  void tap.chunk("client", buffer);
  buffer.fill(0x61);
  await arrive();
  assertEquals(records.at(-1), "#2 client before");
}, PURE);

t("WorkerDump makes senders wait while too much is pending", async () => {
  const { dump, arrive } = worker(undefined);
  const tap = dump.taps(answered(1) as never)!;
  const chunk = new Uint8Array(1 << 19);
  assertEquals(tap.chunk("client", chunk), undefined);
  const room = tap.chunk("client", chunk);
  assert(room !== undefined);
  await arrive();
  await within(room, { timeoutMs: 1000, what: "room" });
  assertEquals(tap.chunk("client", chunk), undefined);
  // stop() releases all senders.
  const last = tap.chunk("client", chunk);
  dump.stop();
  await within(last!, { timeoutMs: 1000, what: "the end" });
  assertEquals(tap.chunk("client", chunk), undefined);
});

t("WorkerDump with overflow drop drops chunks, and the dumper counts them", async () => {
  using dir = tempDir();
  const texts = { file: `${dir.path}/x.json`, overflow: "drop" };
  const { dumper } = await dumperOf(texts);
  const { dump, records, arrive } = worker(dumper, texts);
  const tap = dump.taps(answered(1) as never)!;
  const chunk = new Uint8Array(1 << 19);
  for (let i = 0; i < 5; i++) assertEquals(tap.chunk("client", chunk), undefined);
  await arrive();
  const dropped = records.filter((record) => record.includes("drop"));
  assertEquals(dropped, [`#1 drop client ${3 * chunk.length}`]);
  void tap.chunk("client", bytes("later"));
  await arrive();
  await dumper.close(1000);
  assertEquals(dumper.counts.dropped, 3);
  const lines = Deno.readTextFileSync(dumper.path).trimEnd().split("\n");
  assertEquals(JSON.parse(lines.at(-1)!).type, "lost");
  assertEquals(JSON.parse(lines.at(-1)!).chunks, 3);
});

t("WorkerDump makes accepting wait while too many records without bytes are pending", async () => {
  const { dump, records, arrive } = worker(undefined);
  let connections = 0;
  for (; dump.room() === undefined; connections++) {
    assert(connections < 10_000, "there is always room");
    dump.taps(accepted(connections) as never)!.closed("client closed");
  }
  const room = dump.room()!;
  // Connections that are open already are dumped all the same.
  dump.taps(accepted(++connections) as never);
  await arrive();
  await within(room, { timeoutMs: 1000, what: "room" });
  assertEquals(records.length, 2 * connections - 1);
  assertEquals(dump.room(), undefined);
}, PURE);

t("WorkerDump: accepting continues when the dump is stopped", async () => {
  const { dump } = worker(undefined);
  for (let id = 0; dump.room() === undefined; id++) dump.taps(accepted(id) as never);
  const room = dump.room()!;
  dump.stop();
  await within(room, { timeoutMs: 1000, what: "accepting" });
  assertEquals(dump.room(), undefined);
}, PURE);

t("WorkerDump sends consecutive chunks without a match as one record", async () => {
  const { dump, records, batches, arrive } = worker(undefined, { match: "yes" });
  const tap = dump.taps(answered(1) as never)!;
  void tap.chunk("client", bytes("yes"));
  await arrive();
  // This batch is pending, so that the next one is collected.
  void tap.chunk("client", bytes("yes"));
  await Promise.resolve();
  for (let i = 0; i < 1000; i++) {
    void tap.chunk("client", bytes("no"));
    void tap.chunk("backend", bytes("not"));
  }
  void tap.chunk("client", bytes("yes"));
  void tap.chunk("client", bytes("no"));
  records.length = 0;
  await arrive();
  await arrive();
  assertEquals(batches, []);
  assertEquals(records, [
    "#1 client yes",
    "#1 skip client 2000",
    "#1 skip backend 3000",
    "#1 client yes",
    "#1 skip client 2",
  ]);
}, PURE);
