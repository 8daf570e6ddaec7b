/** The command `top`: a single frame, or a sample for the live view of the shell. */

import { delay } from "@std/async/delay";
import { VERSION } from "../base/version.ts";
import type { Command, ControlContext, Reply, Session } from "./command.ts";
import { refusal } from "./command.ts";
import { frameText, type Size, topFrame } from "./top/frame.ts";
import type { TopMemory } from "./top/memory.ts";
import { readTopKey, sortedBy, TOP_ORDERS, type TopOrder, type TopOrders } from "./top/order.ts";
import { type ConnectionCounts, MAX_LISTED, takeSample, type TopSample } from "./top/sample.ts";

/** Size of a single frame: that of a standard terminal. */
const SINGLE: Size = { columns: 80, rows: 24 };

/**
 * The command `top`.
 *
 * @param spanMs Milliseconds between the two samples of a single frame, for its rates.
 */
export function topCommand(spanMs = 1000): Command {
  return {
    name: "top",
    args: [],
    optional: "[key] [--json [count]]",
    help: "show the traffic; q leaves the live view",
    run: async (context, session, words) => {
      const request = parseWords(words);
      if ("text" in request) return request;
      if (request.json) return await sampleReply(context, session, request);
      return { text: frameText(await singleFrame(context, { ...request, spanMs })) };
    },
  };
}

/**
 * The initial orders of the live view.
 *
 * @param words The arguments of `top`.
 * @returns `undefined` if they are wrong or request JSON.
 */
export function liveOrders(words: readonly string[]): TopOrders | undefined {
  const request = parseWords(words);
  return "text" in request || request.json ? undefined : request.orders;
}

/** The arguments of `top`. */
interface TopRequest {
  readonly orders: TopOrders;
  readonly json: boolean;
  /** Maximum number of connections. */
  readonly count: number;
}

function parseWords(words: readonly string[]): TopRequest | Reply {
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

/** A sample as JSON. The session remembers it, for the rates of the next one. */
async function sampleReply(
  context: ControlContext,
  session: Session,
  { orders, count }: TopRequest,
): Promise<Reply> {
  const order = orders.connections;
  const { sample, memory } = await sampleNow(context, { order, count, memory: session.top });
  return { text: `${JSON.stringify(sample)}\n`, session: { ...session, top: memory } };
}

async function singleFrame(
  context: ControlContext,
  { orders, count, spanMs }: TopRequest & { spanMs: number },
) {
  const order = orders.connections;
  const before = await sampleNow(context, { order, count: 0 });
  await delay(spanMs);
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
