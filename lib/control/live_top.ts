/** The live view of `top` over a control connection. */

import type { Endpoint } from "../base/endpoint.ts";
import { ControlClient } from "./client.ts";
import type { TopOrders } from "./top/order.ts";
import type { Terminal } from "./top/terminal.ts";
import { type Sampler, type TopEnd, topView } from "./top/view.ts";

/**
 * Shows `top` live until the user leaves it.
 *
 * It has a control connection of its own, so that it can be left while the server is slow, and
 * the server forgets its samples with it.
 *
 * @param terminal Where to show it; restored afterwards.
 * @param options `at`: where balance listens; `pid`: its process, another one counts as gone;
 * `orders`: the initial orders.
 * @throws {ExitError} If balance is gone or has too many control clients.
 */
export async function runTop(
  terminal: Terminal,
  options: { at: Endpoint; pid: number; orders: TopOrders },
): Promise<TopEnd> {
  using client = await ControlClient.connect(options.at);
  if (client.hello.pid !== options.pid) return "lost";
  return await topView(terminal, { sampler: samplerOf(client), orders: options.orders });
}

function samplerOf(client: ControlClient): Sampler {
  return async ({ count, orders: { connections: { key, reversed } } }) => {
    // Naming a key twice reverses the order.
    const answer = await client.ask(`top ${key} ${reversed ? key : ""} --json ${count}`);
    return answer && JSON.parse(answer.text);
  };
}
