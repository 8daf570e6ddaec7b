/** Clients that notice every connection that is refused, reset or cut off, and every lost byte. */

import { createHash } from "node:crypto";
import { ask, connect } from "../net/client.ts";
import { sleep } from "../t.ts";

/** Bytes that a transfer sends at a time. */
const CHUNK_BYTES = 4096;

/** Running clients; they end with their scope. */
export interface Load extends AsyncDisposable {
  /** Short connections that were served so far. */
  readonly served: number;
  /** Transfers that were completed so far. */
  readonly transferred: number;
  /** What went wrong, with how often. */
  readonly errors: Readonly<Record<string, number>>;
  /** Lets all transfers complete, and starts no new ones. */
  end(): Promise<void>;
}

/** What runs. */
export interface LoadOptions {
  /** @default {"127.0.0.1"} */
  readonly hostname?: string;
  /** Clients that connect in a loop; the backend is `named("B0")`. */
  readonly clients: number;
  /** Transfers at a time, and how long each takes. */
  readonly transfers: number;
  readonly transferMs: number;
}

/** Starts clients of a balance in front of `named("B0")`. */
export function startLoad(port: number, options: LoadOptions): Load {
  const { hostname = "127.0.0.1", clients, transfers, transferMs } = options;
  const errors: Record<string, number> = {};
  let running = true, served = 0, transferred = 0;
  const failed = (what: unknown) => {
    const text = what instanceof Error ? `${what.name}: ${what.message}` : String(what);
    errors[text] = (errors[text] ?? 0) + 1;
  };

  async function connectAgainAndAgain(): Promise<void> {
    while (running) {
      try {
        const name = await ask(port, { hostname });
        if (name === "B0") served++;
        else failed(`answer ${name}`);
      } catch (error) {
        failed(error);
      }
      await sleep(1);
    }
  }

  async function transfer(): Promise<void> {
    while (running) {
      try {
        await transferOnce();
        transferred++;
      } catch (error) {
        failed(error);
      }
    }
  }

  async function transferOnce(): Promise<void> {
    await using client = await connect(port, { hostname });
    const sent = createHash("sha256"), received = createHash("sha256");
    const reading = (async () => {
      const buffer = new Uint8Array(1 << 16);
      for (let skip = 3, n = await client.read(buffer); n !== null; n = await client.read(buffer)) {
        // The name of the backend and a newline.
        const from = Math.min(skip, n);
        skip -= from;
        received.update(buffer.subarray(from, n));
      }
    })();
    // It is awaited below, whatever happens meanwhile.
    reading.catch(() => {});
    const end = performance.now() + transferMs * (0.5 + Math.random());
    try {
      do {
        const chunk = crypto.getRandomValues(new Uint8Array(CHUNK_BYTES));
        sent.update(chunk);
        await client.send(chunk);
        await sleep(100 * Math.random());
      } while (performance.now() < end && running);
      await client.closeWrite();
    } finally {
      await reading;
    }
    if (sent.digest("hex") !== received.digest("hex")) throw new Error("other bytes came back");
  }

  const all = [
    ...Array.from({ length: clients }, connectAgainAndAgain),
    ...Array.from({ length: transfers }, transfer),
  ];
  async function end(): Promise<void> {
    running = false;
    await Promise.all(all);
  }
  return {
    get served() {
      return served;
    },
    get transferred() {
      return transferred;
    },
    errors,
    end,
    [Symbol.asyncDispose]: end,
  };
}
