import type { Dumper } from "../../../lib/dump/dumper.ts";
import type { DumpRecord } from "../../../lib/dump/record.ts";
import type { DumpTexts } from "../../../lib/dump/settings.ts";
import { DumpInbox } from "../../../lib/workers/dump_inbox.ts";
import { type DumpBatch, WorkerDump } from "../../../lib/workers/dump_outbox.ts";
import { short } from "./dump_records.ts";

/** A worker's dump and the main thread's inbox; messages arrive when the test calls `arrive()`. */
export function worker(dumper: Dumper | undefined, texts: DumpTexts = {}) {
  const order = {
    generation: 1,
    filter: texts,
    side: texts.side === "server" || texts.side === "both" ? texts.side : "client",
    overflow: texts.overflow === "drop" ? "drop" : "block",
  } as const;
  const batches: DumpBatch[] = [];
  const dump = new WorkerDump(order, (batch, buffers) => {
    batches.push(structuredClone(batch, { transfer: buffers }));
  });
  const inbox = new DumpInbox();
  const records: string[] = [];
  const take = (record: DumpRecord) => {
    records.push(short(record));
    return dumper?.take(record);
  };
  inbox.add({ order, take, taps: () => undefined, room: () => dumper?.room() });
  return {
    dump,
    inbox,
    records,
    batches,
    /** Delivers all pending batches. */
    async arrive() {
      await Promise.resolve();
      for (let batch = batches.shift(); batch !== undefined; batch = batches.shift()) {
        await inbox.take(0, batch);
        dump.taken();
      }
    },
  };
}
