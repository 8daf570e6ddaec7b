/** The command `top`: a single frame, or a sample for the live view of the shell. */

import { delay } from "@std/async/delay";
import { VERSION } from "../../base/version.ts";
import {
  type Command,
  CommandError,
  type ControlContext,
  message,
  tooManyWords,
} from "./command.ts";
import type { Size } from "../terminal/terminal.ts";
import { type FrameLine, frameText, topFrame } from "../top/frame.ts";
import type { TopMemory } from "../top/memory.ts";
import {
  readTopKey,
  sortedBy,
  TOP_KEYS,
  TOP_ORDERS,
  type TopKey,
  type TopOrders,
} from "../top/order.ts";
import { type ConnectionCounts, MAX_LISTED, takeSample } from "../top/sample.ts";

/** Size of a single frame: that of a standard terminal. */
const SINGLE: Size = { columns: 80, rows: 24 };

const FORM = {
  name: "top",
  args: [],
  optional: "[key] [--json [count]]",
  words: { max: Infinity },
};

/**
 * The command `top`.
 *
 * @param spanMs Milliseconds between the two samples of a single frame, for its rates.
 */
export function topCommand(spanMs = 1000): Command {
  return {
    ...FORM,
    next: (words) => [
      ...(words.some((word) => readTopKey(word) !== undefined) ? [] : TOP_KEYS),
      ...(words.includes("--json") ? [] : ["--json"]),
    ],
    help: "show the traffic; q leaves the live view",
    run: async (context, session, words) => {
      const request = parseWords(words);
      if (!request.json) return { text: frameText(await singleFrame(context, request, spanMs)) };
      // The session keeps the counts for the rates of the next sample.
      const { sample, memory } = await sampleNow(context, request, session.top);
      return { ...message(JSON.stringify(sample)), session: { ...session, top: memory } };
    },
  };
}

/**
 * The initial sort orders of the live view.
 *
 * @param words The arguments of `top`.
 * @returns `undefined` if they request JSON, or if the server will refuse them.
 */
export function liveOrders(words: readonly string[]): TopOrders | undefined {
  try {
    const { json, orders } = parseWords(words);
    return json ? undefined : orders;
  } catch {
    return undefined;
  }
}

/** The arguments of `top`. */
interface TopRequest {
  readonly orders: TopOrders;
  readonly json: boolean;
  /** Maximum number of connections. */
  readonly count: number;
}

/** Parses the arguments. The live view gives a key twice to reverse the order. */
function parseWords(words: readonly string[]): TopRequest {
  const keys: TopKey[] = [], counts: number[] = [];
  let forms = 0;
  for (const word of words) {
    const key = readTopKey(word);
    if (word === "--json") forms++;
    else if (key !== undefined) keys.push(key);
    else if (forms > 0 && /^\d{1,4}$/.test(word)) counts.push(Number(word));
    else throw new CommandError(`invalid key [${word}]`);
  }
  const isSurplus = keys.length > 2 || new Set(keys).size > 1 || counts.length > 1 || forms > 1;
  if (isSurplus) throw tooManyWords(FORM);
  const [count = SINGLE.rows] = counts;
  return {
    orders: keys.reduce(sortedBy, TOP_ORDERS),
    json: forms > 0,
    count: Math.min(count, MAX_LISTED),
  };
}

async function singleFrame(
  context: ControlContext,
  request: TopRequest,
  spanMs: number,
): Promise<FrameLine[]> {
  const before = await sampleNow(context, { ...request, count: 0 });
  await delay(spanMs);
  const { sample } = await sampleNow(context, request, before.memory);
  return topFrame(sample, before.sample, { ...SINGLE, orders: request.orders });
}

async function sampleNow(
  { table, connections, listener }: ControlContext,
  { orders, count }: TopRequest,
  memory?: TopMemory<ConnectionCounts>,
): Promise<ReturnType<typeof takeSample>> {
  const open = await connections.connections();
  const timeMs = Math.round(performance.now());
  return takeSample(
    { version: VERSION, pid: Deno.pid, timeMs, listener, table, connections: open },
    { order: orders.connections, count, memory },
  );
}
