import { setImmediate } from "node:timers";
import type { Endpoint } from "../../base/endpoint.ts";
import { BACKLOG } from "../../base/limits.ts";
import { bindWithRetry } from "../bind_retry.ts";
import type {
  AcceptedLink,
  AcceptFailure,
  BoundSocket,
  Listener,
  ListenFailure,
  ListenOptions,
} from "../engine.ts";
import { acceptFailure, listenFailure } from "../failures.ts";
import { bindShared, replaceSocket } from "./free_bind.ts";
import { DenoAcceptedLink, endpoint, tuned } from "./deno_link.ts";

/**
 * Maximum number of connections accepted in one turn of the event loop. Otherwise the whole backlog
 * would be. Each needs several operations afterwards, of which the runtime reports at most 128 per
 * turn: if more are due, it reports some only when the burst is over.
 */
const ACCEPTS_PER_TURN = 16;

/** What a listener on loopback is made for. */
interface Replaced {
  readonly at?: Endpoint;
  /** Its port, until the main isolate has put another socket in its place. */
  readonly placeholder?: number;
}

class DenoListener implements Listener {
  readonly placeholder: number | undefined;
  readonly #listener: Deno.TcpListener;
  readonly #at: Endpoint | undefined;
  /** Accepts since the last turn that was waited for. */
  #accepts = 0;

  /** @param options `at`: the address of the socket that takes the place of this one. */
  constructor(listener: Deno.TcpListener, { at, placeholder }: Replaced = {}) {
    this.#listener = listener;
    this.#at = at;
    this.placeholder = placeholder;
  }

  get local(): Endpoint {
    return this.#at ?? endpoint(this.#listener.addr);
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
export function listen(at: Endpoint, options: ListenOptions = {}): Listener | ListenFailure {
  const { shared = false, joins = false, free = false, descriptor } = options;
  if (descriptor !== undefined) return placeholderFor(at);
  const { address: hostname, port } = at, loadBalanced = shared && !joins;
  // With `loadBalanced`, all isolates of the process share one socket.
  const listenOptions = {
    hostname,
    port,
    tcpBacklog: BACKLOG,
    loadBalanced,
    ...joins && { reusePort: true },
  };
  const result = bindWithRetry(() => attempt(listenOptions as Deno.TcpListenOptions));
  const isMissing = "failure" in result && result.failure === "not local";
  if (!free || !isMissing) return result;
  // Only the main isolate can replace it; it shares nothing if it listens itself.
  return shared ? placeholderFor(at) : listenFree(at, { joins });
}

/** See `Binder.bind`. */
export function bind(
  at: Endpoint,
  options: Omit<ListenOptions, "descriptor"> = {},
): BoundSocket | ListenFailure {
  // Isolates of this process can share a socket that another process shares only by its descriptor.
  if (options.joins && options.shared) return bindShared(at, options);
  const result = listen(at, { ...options, free: false });
  const isMissing = "failure" in result && result.failure === "not local";
  return options.free && isMissing ? bindShared(at, options) : result;
}

function attempt(options: Deno.TcpListenOptions): Listener | ListenFailure {
  try {
    return new DenoListener(Deno.listen(options));
  } catch (error) {
    return listenFailure(error);
  }
}

/** A listener that accepts nothing, until another socket takes its place. */
function placeholderFor(at: Endpoint): Listener | ListenFailure {
  try {
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    return new DenoListener(listener, { at, placeholder: endpoint(listener.addr).port });
  } catch (error) {
    return listenFailure(error);
  }
}

function listenFree(at: Endpoint, { joins }: { joins: boolean }): Listener | ListenFailure {
  const listener = placeholderFor(at);
  if ("failure" in listener || listener.placeholder === undefined) return listener;
  const failure = replaceSocket(listener.placeholder, at, { joins, free: true });
  if (failure === undefined) return listener;
  listener.close();
  return failure;
}
