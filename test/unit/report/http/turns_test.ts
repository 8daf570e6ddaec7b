import { assert, assertEquals } from "@std/assert";
import { Turns } from "../../../../lib/report/http/turns.ts";
import { t } from "../../../helpers/t.ts";

t("Turns does one piece of work in each turn of the event loop, in order", async () => {
  const turns = new Turns(), done: string[] = [];
  let turn = 0;
  const clock = setInterval(() => turn++, 0);
  const work = ["a", "b", "c", "d"].map(async (name) => {
    await turns.next();
    const startedIn = turn;
    done.push(name);
    // Blocks until the next turn is due.
    for (const end = performance.now() + 3; performance.now() < end;);
    return startedIn;
  });
  const startedIn = await Promise.all(work);
  clearInterval(clock);
  turns.close();
  assertEquals(done, ["a", "b", "c", "d"]);
  // Deno 2.6 skips a tick of the interval now and then.
  assert(new Set(startedIn).size >= 3, `${startedIn}`);
}, { permissions: "none" });
