import { assertEquals } from "@std/assert";
import type { DumpBatch } from "../../../lib/workers/dump_outbox.ts";
import { START } from "../../helpers/dump/generated_traffic.ts";
import { t } from "../../helpers/t.ts";
import { accepted } from "../../helpers/dump/dump_records.ts";
import { worker } from "../../helpers/dump/worker_dump.ts";

const PURE = { permissions: "none" } as const;

t("DumpInbox closes the connections of a dead worker, and ignores records of another dump", () => {
  const { inbox, records } = worker(undefined);
  const time = START;
  const batch = (generation: number, kind: "open" | "close", id: number): DumpBatch => ({
    generation,
    records: [{ kind, connection: accepted(id), time }],
  });
  void inbox.take(0, batch(1, "open", 1));
  void inbox.take(0, batch(1, "open", 2));
  void inbox.take(1, batch(1, "open", 3));
  void inbox.take(0, batch(1, "close", 2));
  void inbox.take(0, batch(2, "open", 4));
  inbox.died(0);
  assertEquals(records, [
    "#1 open",
    "#2 open",
    "#3 open",
    "#2 close",
    "#1 the worker that served it has died",
    "#1 close",
  ]);
}, PURE);
