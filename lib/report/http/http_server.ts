/**
 * A small HTTP server whose connections are bounded: in number, in memory and in time.
 *
 * `Deno.serve` has no such bounds, and its accept loop ends for good when descriptors run out, with
 * a rejection that ends the program.
 */

import { delay } from "@std/async/delay";
import type { Endpoint } from "../../base/endpoint.ts";
import { settlesWithin } from "../../base/within.ts";
import { acceptFailure } from "../../engine/failures.ts";
import { steeringAt } from "../../reuseport/steering.ts";
import type { Share } from "../../system/capacity.ts";
import { HttpConnection, type HttpHandling } from "./http_connection.ts";
import { Places } from "./places.ts";
import { Turns } from "./turns.ts";

/** Pause after accept failed for lack of a descriptor, in milliseconds. */
const SHORTAGE_PAUSE_MS = 100;
/** Maximum time for the responses in progress when the server closes, in milliseconds. */
const CLOSE_MS = 1000;

/** What a server needs. */
export interface HttpServerOptions extends Pick<HttpHandling, "answer"> {
  readonly descriptors: Pick<Share, "take" | "release">;
  readonly turns: Turns;
  /** Whether another program of this user may listen at the same address. */
  readonly joins?: boolean | undefined;
  /** @default {Deno.listen} */
  readonly listen?: (at: Endpoint, joins?: boolean) => Listener;
}

/** What a server uses of a listener. */
type Listener = Pick<Deno.TcpListener, "accept" | "close">;

/** A running server. */
export interface HttpServer {
  /** Whether each connection is closed after its next response: another server gets the new ones. */
  retire(value: boolean): void;
  /** Stops listening, and closes all connections after the responses in progress. */
  close(): Promise<void>;
}

/**
 * Listens and serves. A shortage of descriptors does not end the server. It is not reported here:
 * the proxy reports it. Clients wait in the backlog meanwhile.
 *
 * @throws {Error} If the address cannot be bound; see `listenFailure()`.
 */
export function serveHttp(at: Endpoint, options: HttpServerOptions): HttpServer {
  const listener = (options.listen ?? listen)(at, options.joins);
  const stopping = new AbortController(), { signal } = stopping;
  const places = new Places(options.descriptors);
  let isRetired = false;
  const mustClose = () => isRetired || places.crowded || signal.aborted;
  const accepting = acceptAll(listener, places, { ...options, signal, mustClose });
  return {
    retire(value) {
      isRetired = value;
    },
    async close() {
      if (signal.aborted) return;
      stopping.abort();
      listener.close();
      places.stop();
      await accepting;
      if (!await settlesWithin(places.close({ idle: true }), CLOSE_MS)) {
        // One that cannot be closed ends with the program.
        await settlesWithin(places.close({ idle: false }), CLOSE_MS);
      }
      options.turns.close();
    },
  };
}

/** A successor of this user may listen there, too, once the address is bound. */
function listen(at: Endpoint, joins = false): Listener {
  const options = { hostname: at.address, port: at.port, ...joins && { reusePort: true } };
  const listener = Deno.listen(options);
  steeringAt(at)?.allowSharing();
  return listener;
}

async function acceptAll(
  listener: Listener,
  places: Places,
  { turns, signal, answer, mustClose }: HttpServerOptions & {
    signal: AbortSignal;
    mustClose: () => boolean;
  },
): Promise<void> {
  const handling = {
    answer,
    turn: () => turns.next(),
    crowded: mustClose,
  };
  while (await places.take()) {
    try {
      const conn = await listener.accept();
      await places.start(new HttpConnection(conn, handling, (idle) => places.becameIdle(idle)));
    } catch (error) {
      places.release();
      const { failure } = acceptFailure(error);
      if (failure === "closed" || signal.aborted) return;
      if (failure === "shortage") await delay(SHORTAGE_PAUSE_MS, { signal }).catch(() => {});
    }
  }
}
