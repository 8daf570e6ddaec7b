import type { Tap } from "../../../lib/connection/observe.ts";
import type { ConnectionInfo } from "../../../lib/base/connection_info.ts";
import { assert, assertEquals } from "@std/assert";
import { folder } from "../../helpers/dump/dump_tools.ts";
import { t, within } from "../../helpers/t.ts";
import { accepted, answered, WHOLE, whole } from "../../helpers/dump/dump_records.ts";
import { dumperOf } from "../../helpers/dump/dumper_of.ts";
import { worker } from "../../helpers/dump/worker_dump.ts";

const PURE = { permissions: "none" } as const;

const bytes = (text: string) => new TextEncoder().encode(text);

t("WorkerDump sends the same records, in batches and with bytes of their own", async () => {
  const { dump, records, batches, arrive } = worker(undefined);
  whole(dump.taps as (subject: ConnectionInfo) => Tap | undefined);
  await Promise.resolve();
  assertEquals(batches.length, 1);
  // What happens while one is under way goes with the next one.
  for (let id = 3; id < 6; id++) dump.taps(accepted(id) as never);
  await Promise.resolve();
  assertEquals(batches.length, 1);
  await arrive();
  assertEquals(records, [...WHOLE, "#3 open", "#4 open", "#5 open"]);
  // The relay's buffer changes at once.
  const tap = dump.taps(answered(2) as never)!;
  const buffer = bytes("before");
  void tap.chunk("client", buffer);
  buffer.fill(0x61);
  await arrive();
  assertEquals(records.at(-1), "#2 client before");
}, PURE);

t("WorkerDump holds senders back while too much is under way", async () => {
  const { dump, arrive } = worker(undefined);
  const tap = dump.taps(answered(1) as never)!;
  const chunk = new Uint8Array(1 << 19);
  assertEquals(tap.chunk("client", chunk), undefined);
  const room = tap.chunk("client", chunk);
  assert(room !== undefined);
  await arrive();
  await within(room, { timeoutMs: 1000, what: "room" });
  assertEquals(tap.chunk("client", chunk), undefined);
  // The end lets go of everybody.
  const last = tap.chunk("client", chunk);
  dump.stop();
  await within(last!, { timeoutMs: 1000, what: "the end" });
  assertEquals(tap.chunk("client", chunk), undefined);
});

t("WorkerDump drops what is too much if it may, and the program counts it", async () => {
  using dir = folder();
  const texts = { file: `${dir.path}/x.json`, overflow: "drop" };
  const { dumper } = await dumperOf(texts);
  const { dump, records, arrive } = worker(dumper, texts);
  const tap = dump.taps(answered(1) as never)!;
  const chunk = new Uint8Array(1 << 19);
  for (let i = 0; i < 5; i++) assertEquals(tap.chunk("client", chunk), undefined);
  await arrive();
  assertEquals(records.filter((record) => record.includes("drop")), [
    "#1 drop client 524288",
    "#1 drop client 524288",
    "#1 drop client 524288",
  ]);
  void tap.chunk("client", bytes("later"));
  await arrive();
  await dumper.close(1000);
  assertEquals(dumper.counts.dropped, 3);
  const lines = Deno.readTextFileSync(dumper.path).trimEnd().split("\n");
  assertEquals(JSON.parse(lines.at(-1)!).type, "lost");
  assertEquals(JSON.parse(lines.at(-1)!).chunks, 3);
});
