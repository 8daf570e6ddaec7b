/** The command `top`: one frame by hand, or a sample for the live view of the shell. */

import { VERSION } from "../base/version.ts";
import type { Command, ControlContext, Reply, Session } from "./command.ts";
import { refusal } from "./command.ts";
import { frameText, type Size, topFrame } from "./top/frame.ts";
import type { TopMemory } from "./top/memory.ts";
import { readTopKey, sortedBy, TOP_ORDERS, type TopOrder, type TopOrders } from "./top/order.ts";
import { type ConnectionCounts, takeSample, type TopSample } from "./top/sample.ts";

/** Size of a single frame: the terminal that everybody has. */
const SINGLE: Size = { columns: 80, rows: 24 };

/** Most connections of one answer. */
export const MAX_LISTED = 1000;

/**
 * The commands about watching.
 *
 * @param spanMs Milliseconds that a single frame looks at, for its rates.
 */
export function topCommands(spanMs = 1000): readonly Command[] {
  return [
    {
      name: "top",
      args: [],
      optional: "[key] [--json [count]]",
      help: "watch traffic; q leaves",
      run: async (context, session, words) => {
        const wanted = parseWords(words);
        if ("text" in wanted) return wanted;
        if (wanted.json) return await sampled(context, session, wanted);
        return { text: frameText(await singleFrame(context, { ...wanted, spanMs })) };
      },
    },
  ];
}

/**
 * How the live view is to be sorted.
 *
 * @param words What follows `top`.
 * @returns `undefined` if they ask for something else.
 */
export function liveOrders(words: readonly string[]): TopOrders | undefined {
  const wanted = parseWords(words);
  return "text" in wanted || wanted.json ? undefined : wanted.orders;
}

/** What `top` was asked for. */
interface Wanted {
  readonly orders: TopOrders;
  readonly json: boolean;
  /** How many connections. */
  readonly count: number;
}

function parseWords(words: readonly string[]): Wanted | Reply {
  let orders = TOP_ORDERS, json = false, count = SINGLE.rows;
  for (const word of words) {
    const key = readTopKey(word);
    if (word === "--json") json = true;
    else if (key !== undefined) orders = sortedBy(orders, key);
    else if (json && /^\d{1,4}$/.test(word)) count = Math.min(Number(word), MAX_LISTED);
    else return refusal(`invalid key [${word}]`);
  }
  return { orders, json, count };
}

/** Answers a sample; what the next one is compared with belongs to the session. */
async function sampled(
  context: ControlContext,
  session: Session,
  { orders, count }: Wanted,
): Promise<Reply> {
  const order = orders.connections;
  const { sample, memory } = await sampleNow(context, { order, count, memory: session.top });
  return { text: `${JSON.stringify(sample)}\n`, session: { ...session, top: memory } };
}

async function singleFrame(
  context: ControlContext,
  { orders, count, spanMs }: Wanted & { spanMs: number },
) {
  const order = orders.connections;
  const before = await sampleNow(context, { order, count: 0 });
  await new Promise((resolve) => setTimeout(resolve, spanMs));
  const { sample } = await sampleNow(context, { order, count, memory: before.memory });
  return topFrame(sample, before.sample, { ...SINGLE, orders });
}

async function sampleNow(
  { table, connections, listener }: ControlContext,
  options: { order: TopOrder; count: number; memory?: TopMemory<ConnectionCounts> | undefined },
): Promise<{ sample: TopSample; memory: TopMemory<ConnectionCounts> }> {
  const open = await connections.connections();
  return takeSample({
    version: VERSION,
    pid: Deno.pid,
    timeMs: Math.round(performance.now()),
    listener,
    table,
    connections: open,
  }, options);
}
