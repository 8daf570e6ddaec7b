import { setImmediate } from "node:timers";
import type { Endpoint } from "../../base/endpoint.ts";
import { BACKLOG } from "../../base/limits.ts";
import { bindWithRetry } from "../bind_retry.ts";
import type {
  AcceptedLink,
  AcceptFailure,
  Listener,
  ListenFailure,
  ListenOptions,
} from "../engine.ts";
import { acceptFailure, listenFailure } from "../failures.ts";
import { DenoAcceptedLink, endpoint, tuned } from "./deno_link.ts";

/**
 * Maximum number of connections accepted in one turn of the event loop. Otherwise the whole backlog
 * would be. Each needs several operations afterwards, of which the runtime reports at most 128 per
 * turn: if more are due, it reports some only when the burst is over.
 */
const ACCEPTS_PER_TURN = 16;

class DenoListener implements Listener {
  readonly #listener: Deno.TcpListener;
  /** Accepts since the last turn that was waited for. */
  #accepts = 0;

  constructor(listener: Deno.TcpListener) {
    this.#listener = listener;
  }

  get local(): Endpoint {
    return endpoint(this.#listener.addr);
  }

  async accept(): Promise<AcceptedLink | AcceptFailure> {
    if (this.#accepts === ACCEPTS_PER_TURN) {
      this.#accepts = 0;
      await new Promise<void>((resolve) => void setImmediate(resolve));
    }
    this.#accepts++;
    try {
      return new DenoAcceptedLink(tuned(await this.#listener.accept()));
    } catch (error) {
      return acceptFailure(error);
    }
  }

  close(): void {
    try {
      this.#listener.close();
    } catch {
      // It is closed already.
    }
  }
}

/** See `Engine.listen`. */
export function listen(
  at: Endpoint,
  { shared = false, joins = false }: Omit<ListenOptions, "descriptor"> = {},
): Listener | ListenFailure {
  const { address: hostname, port } = at, loadBalanced = shared && !joins;
  // With `loadBalanced`, all isolates of the process share one socket.
  const listenOptions = {
    hostname,
    port,
    tcpBacklog: BACKLOG,
    loadBalanced,
    ...joins && { reusePort: true },
  };
  return bindWithRetry(() => {
    try {
      return new DenoListener(Deno.listen(listenOptions as Deno.TcpListenOptions));
    } catch (error) {
      return listenFailure(error);
    }
  });
}
