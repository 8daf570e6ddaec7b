/**
 * Clients that send random bytes all the time, and compare what comes back.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { type Client, connect, readExactly, readText } from "../net/client.ts";
import { randomBytes } from "../bytes.ts";
import { sleep } from "../t.ts";

/** A client whose connection stays open. */
export interface EchoingClient {
  /** The name of its backend. */
  readonly backend: string;
  /** Why it has ended, unless it was stopped. */
  readonly fault: unknown;
  /** Exchanges so far. */
  readonly exchanges: number;
  readonly client: Client;
  /** Ends it. Rejects if an exchange has failed. */
  stop(): Promise<void>;
}

/** Connects to a backend that sends its name and a newline, and then echoes. */
export async function echoingClient(port: number, seed: number): Promise<EchoingClient> {
  const client = await connect(port);
  let name = "";
  while (!name.endsWith("\n")) name += await readText(client, 1);
  let isStopping = false, fault: unknown, exchanges = 0;
  const running = (async () => {
    for (let n = 0; !isStopping; n++) {
      const bytes = randomBytes(1 + (seed * 7919 + n * 104729) % 3000, seed * 1000 + n);
      await client.send(bytes);
      assertEquals(await readExactly(client, bytes.length), bytes);
      exchanges++;
      await sleep(20);
    }
  })().catch((error) => fault = error);
  return {
    backend: name.trim(),
    client,
    get fault() {
      return fault;
    },
    get exchanges() {
      return exchanges;
    },
    async stop() {
      isStopping = true;
      await running;
      await client.close();
      if (fault !== undefined) throw fault;
    },
  };
}
