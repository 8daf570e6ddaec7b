/** Clients that connect at the same time, and may be refused. */

import { type Client, connect, readText } from "../net/client.ts";

/** Clients that were served, and still are, and how the others ended. */
export interface Crowd extends AsyncDisposable {
  readonly served: readonly Client[];
  readonly refused: readonly string[];
  /** Milliseconds until each of them was served, in order. */
  readonly servedMs: readonly number[];
}

/** Connects at the same time; a served client stays connected. */
export async function crowd(port: number, count: number, from?: string): Promise<Crowd> {
  const served: Client[] = [], refused: string[] = [], servedMs: number[] = [];
  const start = performance.now();
  await Promise.all(Array.from({ length: count }, async () => {
    const client = await tryConnect(port, from);
    if (typeof client === "string") refused.push(client);
    else {
      served.push(client);
      servedMs.push(performance.now() - start);
    }
  }));
  return {
    served,
    refused,
    servedMs,
    async [Symbol.asyncDispose]() {
      await Promise.all(served.map((client) => client.close()));
    },
  };
}

/** A client that a backend has greeted, or how its connection ended. */
export async function tryConnect(port: number, from?: string): Promise<Client | string> {
  let client: Client | undefined;
  try {
    client = await connect(port, from === undefined ? {} : { from });
    await readText(client, 3);
    return client;
  } catch (error) {
    await client?.close();
    if (error instanceof Deno.errors.ConnectionReset) return "RST";
    if (error instanceof Error && /ended|EOF|end of/i.test(error.message)) return "EOF";
    if ((error as { code?: string }).code === "ECONNRESET") return "RST";
    throw error;
  }
}
