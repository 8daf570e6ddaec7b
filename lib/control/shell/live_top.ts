import type { Endpoint } from "../../base/endpoint.ts";
import { ControlClient } from "../client.ts";
import type { TopOrders } from "../top/order.ts";
import type { Terminal } from "../terminal/terminal.ts";
import { type TopEnd, topView } from "../top/view.ts";
import { readSample } from "./read_sample.ts";

/**
 * Shows `top` live until the user leaves it.
 *
 * It uses its own control connection, so that the user can leave it while the server is slow. The
 * server drops the samples of that connection with it.
 *
 * @param terminal Restored at the end.
 * @param options `at`: the address that balance listens on; `pid`: its process ID (if it differs,
 * the view ends as `lost`); `orders`: the initial sort orders.
 * @throws {ExitError} If balance is gone or has too many control clients.
 */
export async function runTop(
  terminal: Terminal,
  { at, pid, orders }: { at: Endpoint; pid: number; orders: TopOrders },
): Promise<TopEnd> {
  using client = await ControlClient.connect(at);
  if (client.pid !== pid) return "lost";
  return await topView(terminal, {
    orders,
    sampler: async ({ count, orders: { connections: { key, reversed } } }) => {
      // Naming a key twice reverses the order.
      const answer = await client.ask(`top ${key} ${reversed ? key : ""} --json ${count}`);
      return answer && readSample(answer);
    },
  });
}
