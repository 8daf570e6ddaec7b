import { type Client, connect, readExactly } from "../net/client.ts";
import { sleep } from "../t.ts";

/**
 * Starts traffic over connections to an echo backend, until the end of its scope.
 *
 * Connection `i` sends `100 * (i + 1)` bytes per round, and all make the same number of rounds, at
 * least five when this returns: by then all are counted, and each has sent more than the one before.
 */
export async function startEchoTraffic(port: number, count: number): Promise<AsyncDisposable> {
  const clients: Client[] = [];
  for (let i = 0; i < count; i++) clients.push(await connect(port));
  async function round(): Promise<void> {
    await Promise.all(clients.map(async (client, i) => {
      const data = new Uint8Array(100 * (i + 1));
      await client.send(data);
      await readExactly(client, data.length);
    }));
  }
  for (let i = 0; i < 5; i++) await round();
  let isOver = false;
  const running = (async () => {
    while (!isOver) {
      await round();
      await sleep(20);
    }
  })();
  return {
    async [Symbol.asyncDispose]() {
      isOver = true;
      await running.catch(() => {});
      for (const client of clients) await client.close();
    },
  };
}
