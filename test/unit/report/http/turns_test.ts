import { assertEquals } from "@std/assert";
import { Turns } from "../../../../lib/report/http/turns.ts";
import { t, within } from "../../../helpers/t.ts";

/** A scheduler whose turns come when the test says so. */
function manualTurns() {
  const scheduled = new Set<() => void>();
  return {
    scheduled,
    schedule: (run: () => void) => {
      scheduled.add(run);
      return () => void scheduled.delete(run);
    },
    /** Runs what is scheduled, and what it has waited for. */
    async turn(): Promise<void> {
      const due = [...scheduled];
      scheduled.clear();
      for (const run of due) run();
      await settled();
    },
  };
}

/** A macrotask later, all promises that can settle are settled. */
function settled(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

/** Asks for a turn for each name, which is added to the list then. */
function work(turns: Turns, names: readonly string[], done: string[]): Promise<unknown> {
  return Promise.all(names.map((name) => turns.next().then(() => done.push(name))));
}

t("Turns does one piece of work in each turn of the event loop, in order", async () => {
  const { scheduled, schedule, turn } = manualTurns();
  const turns = new Turns(schedule), done: string[] = [];
  const all = work(turns, ["a", "b", "c"], done);
  await settled();
  assertEquals(done, ["a"]);
  await turn();
  assertEquals(done, ["a", "b"]);
  await turn();
  assertEquals(done, ["a", "b", "c"]);
  await all;
  // The work of this turn is done: another piece waits for the next one.
  const late = work(turns, ["d"], done);
  await settled();
  assertEquals(done, ["a", "b", "c"]);
  await turn();
  assertEquals(done, ["a", "b", "c", "d"]);
  await late;
  await turn();
  assertEquals(scheduled.size, 0);
  await work(turns, ["e"], done);
  assertEquals(done, ["a", "b", "c", "d", "e"]);
}, { permissions: "none" });

t("Turns that is closed lets all work be done at once", async () => {
  const { scheduled, schedule } = manualTurns();
  const turns = new Turns(schedule), done: string[] = [];
  const waiting = work(turns, ["a", "b", "c"], done);
  turns.close();
  const later = work(turns, ["d", "e"], done);
  await within(Promise.all([waiting, later]), { timeoutMs: 5000, what: "all work" });
  assertEquals([done.toSorted(), scheduled.size], [["a", "b", "c", "d", "e"], 0]);
}, { permissions: "none" });
