/** The engine over `Deno.listen` and `Deno.connect`; see {@link Engine} for the contract. */

import type { Endpoint } from "../../base/endpoint.ts";
import type { DialFailure } from "../../base/reason.ts";
import { peerText } from "../../address/ip.ts";
import type { Ending } from "../../base/side.ts";
import { BACKLOG } from "../../base/limits.ts";
import { SMALLEST_BYTES, takeBuffer } from "./buffers.ts";
import type { ByteConn } from "./byte_conn.ts";
import { dialFailure } from "../dial_failure.ts";
import type { Engine, Link, Listener, RelayObserver } from "../engine.ts";
import { connectFrom } from "./node_conn.ts";
import { type FirstRead, startRelay } from "./stream_relay.ts";

/** How often an address that is in use is tried, and the mean pause between two tries. */
const LISTEN_ATTEMPTS = 3, LISTEN_PAUSE_MS = 20;

/** A connection of the runtime, or one that looks like it. */
export interface Conn extends ByteConn {
  readonly remoteAddr: Deno.Addr;
  readonly localAddr: Deno.Addr;
}

class DenoLink implements Link {
  readonly conn: Conn;
  /** A read that was started by `watch` and belongs to the relay. */
  first: FirstRead | undefined;
  #open = true;

  constructor(conn: Conn) {
    this.conn = conn;
  }

  get remote(): Endpoint {
    return endpoint(this.conn.remoteAddr);
  }

  get local(): Endpoint {
    return endpoint(this.conn.localAddr);
  }

  close(): void {
    if (this.#open) this.conn.close();
    this.#open = false;
  }
}

function endpoint(addr: Deno.Addr): Endpoint {
  const { hostname, port } = addr as Deno.NetAddr;
  return { address: peerText(hostname), port };
}

/** What every connection gets: small messages leave at once, dead peers are noticed. */
function tuned(conn: Deno.TcpConn): Deno.TcpConn {
  try {
    conn.setNoDelay(true);
    conn.setKeepAlive(true);
  } catch (error) {
    conn.close();
    throw error;
  }
  return conn;
}

class DenoListener implements Listener {
  readonly #listener: Deno.TcpListener;

  constructor(listener: Deno.TcpListener) {
    this.#listener = listener;
  }

  get local(): Endpoint {
    return endpoint(this.#listener.addr);
  }

  async accept(): Promise<Link> {
    return new DenoLink(tuned(await this.#listener.accept()));
  }

  close(): void {
    this.#listener.close();
  }
}

async function dial(
  to: Endpoint,
  options: { signal: AbortSignal; source?: string | undefined },
): Promise<Link | DialFailure> {
  // Port 0 is accepted on the command line and never connects; the runtimes differ on it.
  if (to.port === 0) return "refused";
  const { signal, source } = options;
  try {
    if (source !== undefined) return new DenoLink(await connectFrom(source, to, signal));
    // The address is one address: there is nothing to race (2.9 would prepare to).
    const connectOptions = {
      hostname: to.address,
      port: to.port,
      signal,
      autoSelectFamily: false,
    } as Deno.ConnectOptions;
    return new DenoLink(tuned(await Deno.connect(connectOptions)));
  } catch (error) {
    return dialFailure(error, signal);
  }
}

async function watch(
  link: DenoLink,
  { gone, chunkBytes }: { gone: (how: Ending) => void; chunkBytes?: number | undefined },
): Promise<void> {
  const buffer = takeBuffer(chunkBytes ?? SMALLEST_BYTES);
  const count = link.conn.read(buffer);
  link.first = { buffer, count };
  try {
    if (await count === null) gone("end");
  } catch {
    gone("reset");
  }
}

/**
 * Listens, and tries again where the address is in use: of two programs that listen at the same
 * moment Linux may refuse both, as each is found in the other's way.
 */
function listenAgain(options: Deno.TcpListenOptions): Deno.TcpListener {
  for (let attempt = 1;; attempt++) {
    try {
      return Deno.listen(options);
    } catch (error) {
      if (!(error instanceof Deno.errors.AddrInUse) || attempt === LISTEN_ATTEMPTS) throw error;
      // Nothing is served yet that could be kept waiting; a different while for each of the two.
      const ms = LISTEN_PAUSE_MS * (0.5 + Math.random());
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
    }
  }
}

/** The one engine there is now. */
export const denoEngine: Engine = {
  listen(at, options = {}) {
    const listenOptions = {
      hostname: at.address,
      port: at.port,
      tcpBacklog: BACKLOG,
      loadBalanced: options.shared ?? false,
    } as Deno.TcpListenOptions;
    return new DenoListener(listenAgain(listenOptions));
  },
  dial,
  watch(client, options) {
    void watch(client as DenoLink, options);
  },
  relay(client: Link, backend: Link, observer: RelayObserver) {
    const from = client as DenoLink, to = backend as DenoLink;
    return startRelay({ client: from, backend: to, first: from.first }, observer);
  },
};
