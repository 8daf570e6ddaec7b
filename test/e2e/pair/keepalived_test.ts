/** Two machines that share an address: the real keepalived with the files that are delivered. */

import { assert, assertEquals } from "@std/assert";
import { whyNoNamespaces } from "../../helpers/pair/namespace.ts";
import { type Pair, startPair } from "../../helpers/pair/pair.ts";
import { skip, t, until } from "../../helpers/t.ts";

const why = await whyNoNamespaces("keepalived");

/** Milliseconds without an answer that a move of the address may take on a busy machine. */
const MOVE_MS = 8000;

function story(name: string, run: (pair: Pair) => Promise<void>): void {
  if (why !== undefined) return skip(name, why);
  t(name, async () => {
    await using pair = await startPair();
    await run(pair);
  });
}

/** Prints a figure for README. */
function figure(event: string, ms: number): void {
  if (Deno.env.has("BALANCE_TEST_FIGURES")) console.log(`${event}: ${ms} ms without an answer`);
}

/**
 * Does something to the master, after which the other machine has the address.
 *
 * @returns The time without an answer in milliseconds.
 */
async function move(pair: Pair, event: string, act: () => Promise<unknown>): Promise<number> {
  await using traffic = await pair.traffic();
  const before = await pair.backends(), old = await pair.master();
  assertEquals(new Set(before).size, 3);
  await traffic.answered();
  traffic.longestGap();
  await act();
  await until(async () => await pair.nodes.find((node) => node !== old)!.isMaster(), {
    timeoutMs: 15_000,
    what: "the other machine to get the address",
  });
  await traffic.answered();
  const gap = traffic.longestGap();
  figure(event, gap);
  assert(gap < MOVE_MS, `${gap} ms without an answer`);
  assertEquals(await pair.backends(), before);
  return gap;
}

story(
  "a machine dies: the other one gets the address, and clients keep their backends",
  async (pair) => {
    const master = await pair.master();
    await move(pair, "machine killed", () => master.die());
  },
);

story(
  "balance is killed, or has no channel: the address moves, and may come back",
  async (pair) => {
    const first = await pair.master();
    await move(
      pair,
      "no channel available",
      () => first.control("disable 0; disable 1; disable 2"),
    );
    await first.control("enable 0; enable 1; enable 2");
    // It does not take the address again by itself.
    assertEquals(await first.isMaster(), false);
    await until(() =>
      /Entering BACKUP STATE[^]*Entering FAULT STATE[^]*Entering BACKUP STATE/
        .test(first.keepalived.output), {
      timeoutMs: 15_000,
      what: "the first machine to be ready",
    });
    const second = await pair.master();
    await move(pair, "balance killed", () => Promise.resolve(second.balance.kill("SIGKILL")));
    assertEquals(await first.isMaster(), true);
  },
);

story("keepalived is stopped after a drain: open connections end on their own", async (pair) => {
  const master = await pair.master();
  await move(pair, "drained and stopped", async () => {
    await master.script("drain_balance.sh", "5");
    // A failed check would have moved the address too early.
    assertEquals(await master.isMaster(), true);
    master.keepalived.kill("SIGTERM");
  });
  await until(async () => await master.control("health") === 0, {
    timeoutMs: 10_000,
    what: "the channels to be available again",
  });
});

story("balance is taken over: the address stays, and no client notices", async (pair) => {
  await using traffic = await pair.traffic();
  const master = await pair.master(), before = await pair.backends();
  await traffic.answered();
  traffic.longestGap();
  await using _successor = await master.startAnother("--takeover");
  await until(() => master.balance.ended, {
    timeoutMs: 20_000,
    what: "the former balance to end",
  });
  await traffic.answered();
  const gap = traffic.longestGap();
  figure("balance taken over", gap);
  assertEquals([await master.isMaster(), await pair.backends()], [true, before]);
  assert(!/Entering FAULT STATE/.test(master.keepalived.output));
  // Less than a move of the address takes.
  assert(gap < 1000, `${gap} ms without an answer`);
});
