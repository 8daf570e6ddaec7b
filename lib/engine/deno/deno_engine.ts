import { peerText } from "../../address/ip.ts";
import type { Endpoint } from "../../base/endpoint.ts";
import { BACKLOG } from "../../base/limits.ts";
import type { DialFailure } from "../../base/reason.ts";
import type {
  AcceptedLink,
  AcceptFailure,
  Engine,
  Link,
  Listener,
  ListenFailure,
} from "../engine.ts";
import { acceptFailure, dialFailure, listenFailure, wasEstablished } from "../failures.ts";
import { type Conn, resetConn } from "./byte_conn.ts";
import { canBindSource, connectFrom } from "./node_conn.ts";
import { type AheadReader, startReading } from "./read_ahead.ts";
import { startRelay } from "./stream_relay.ts";

/** Attempts to bind an address that is in use, and the mean pause between two attempts. */
const LISTEN_ATTEMPTS = 3, LISTEN_PAUSE_MS = 20;

class DenoLink implements Link {
  /** What `readAhead` reads; the relay takes it over. */
  ahead: AheadReader | undefined;
  #open = true;

  constructor(readonly conn: Conn) {}

  get remote(): Endpoint {
    return endpoint(this.conn.remoteAddr);
  }

  get local(): Endpoint | undefined {
    return this.conn.localAddr && endpoint(this.conn.localAddr);
  }

  close(): void {
    if (this.#open) this.conn.close();
    this.#open = false;
  }
}

class DenoAcceptedLink extends DenoLink implements AcceptedLink {
  constructor(override readonly conn: Deno.TcpConn) {
    super(conn);
  }

  override get local(): Endpoint {
    return endpoint(this.conn.localAddr);
  }
}

function endpoint(addr: Deno.Addr): Endpoint {
  const { hostname, port } = addr as Deno.NetAddr;
  return { address: peerText(hostname), port };
}

/**
 * Sets TCP_NODELAY, to send small messages immediately, and SO_KEEPALIVE, to detect dead peers. An
 * error means that the peer has reset the connection, which the relay will find out.
 */
function tuned(conn: Deno.TcpConn): Deno.TcpConn {
  try {
    conn.setNoDelay(true);
    conn.setKeepAlive(true);
  } catch {
    // See above.
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

  async accept(): Promise<AcceptedLink | AcceptFailure> {
    try {
      return new DenoAcceptedLink(tuned(await this.#listener.accept()));
    } catch (error) {
      return acceptFailure(error);
    }
  }

  close(): void {
    this.#listener.close();
  }
}

function listen(at: Endpoint, options: { shared?: boolean } = {}): Listener | ListenFailure {
  const { address: hostname, port } = at, loadBalanced = options.shared ?? false;
  const listenOptions = { hostname, port, tcpBacklog: BACKLOG, loadBalanced };
  for (let attempt = 1;; attempt++) {
    try {
      return new DenoListener(Deno.listen(listenOptions as Deno.TcpListenOptions));
    } catch (error) {
      const failure = listenFailure(error);
      if (failure.failure !== "in use" || attempt === LISTEN_ATTEMPTS) return failure;
      // If two programs bind the same address at the same time, Linux may refuse both, so each
      // retries after a random pause. Blocking is fine: nothing is served yet.
      const ms = LISTEN_PAUSE_MS * (0.5 + Math.random());
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
    }
  }
}

async function dial(
  to: Endpoint,
  options: { signal: AbortSignal; source?: string | undefined },
): Promise<Link | DialFailure> {
  // Port 0 is valid on the command line. Versions of Deno differ in what they do with it.
  if (to.port === 0) return "refused";
  const { signal, source } = options;
  try {
    if (source !== undefined) return new DenoLink(await connectFrom(source, to, signal));
    // Happy Eyeballs (Deno 2.9) is not needed for a single address.
    const connectOptions = { hostname: to.address, port: to.port, signal, autoSelectFamily: false };
    return new DenoLink(tuned(await Deno.connect(connectOptions as Deno.ConnectOptions)));
  } catch (error) {
    if (!signal.aborted && wasEstablished(error)) return new DenoLink(resetConn(to));
    return dialFailure(error, signal);
  }
}

/** The engine over `Deno.listen` and `Deno.connect`. */
export const denoEngine: Engine = {
  listen,
  dial,
  canDialFrom: canBindSource,
  readAhead(client, { gone }) {
    const link = client as DenoLink;
    link.ahead = startReading(link.conn, gone);
  },
  relay(client, backend, observer) {
    const from = client as DenoLink, to = backend as DenoLink;
    return startRelay({ client: from, backend: to, ahead: from.ahead?.take() }, observer);
  },
};
