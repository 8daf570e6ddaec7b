import type { Endpoint } from "../../base/endpoint.ts";
import type { DialFailure } from "../../base/reason.ts";
import type { Dial, DialObserver, Link } from "../engine.ts";
import { dialFailure, wasEstablished } from "../failures.ts";
import { resetConn } from "./byte_conn.ts";
import { DenoLink, tuned } from "./deno_link.ts";
import { connectFrom } from "./node_conn.ts";

class DenoDial implements Dial {
  readonly #controller = new AbortController();

  constructor() {
    // `Deno.connect` calls this once more when it has connected, and loses the open connection then.
    this.signal.throwIfAborted = () => {};
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  cancel(reason: "timeout" | "cancelled"): void {
    this.#controller.abort(reason);
  }
}

/** See `Engine.dial`. */
export function dial(
  to: Endpoint,
  { source }: { source: string | undefined },
  observer: DialObserver,
): Dial {
  const attempt = new DenoDial();
  void connect(to, source, attempt.signal).then((result) => observer.dialed(result));
  return attempt;
}

async function connect(
  to: Endpoint,
  source: string | undefined,
  signal: AbortSignal,
): Promise<Link | DialFailure> {
  // Port 0 is valid on the command line. Versions of Deno differ in what they do with it.
  if (to.port === 0) return "refused";
  try {
    if (source !== undefined) return new DenoLink(await connectFrom(source, to, signal));
    // Happy Eyeballs (Deno 2.9) is not needed for a single address.
    const options = { hostname: to.address, port: to.port, signal, autoSelectFamily: false };
    const conn = await Deno.connect(options as Deno.ConnectOptions) as Deno.TcpConn;
    if (!signal.aborted) return new DenoLink(tuned(conn));
    conn.close();
    return dialFailure(undefined, signal);
  } catch (error) {
    if (!signal.aborted && wasEstablished(error)) return new DenoLink(resetConn(to));
    return dialFailure(error, signal);
  }
}
