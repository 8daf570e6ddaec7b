import { peerText } from "../../address/ip.ts";
import type { Endpoint } from "../../base/endpoint.ts";
import type { AcceptedLink, Announced, Link } from "../engine.ts";
import type { Conn } from "./byte_conn.ts";
import type { AheadReader, ReadAhead } from "./read_ahead.ts";

/** A connection of Deno as a link. */
export class DenoLink implements Link {
  /** What `readAhead` reads; the relay takes it over. */
  ahead: AheadReader | undefined;
  /** What `readHeader` has read after the header, for `readAhead` or the relay. */
  rest: ReadAhead | undefined;
  #open = true;

  constructor(readonly conn: Conn) {}

  /** See {@link Link.remote}. */
  get remote(): Endpoint {
    return endpoint(this.conn.remoteAddr);
  }

  /** See {@link Link.local}. */
  get local(): Endpoint | undefined {
    return this.conn.localAddr && endpoint(this.conn.localAddr);
  }

  /** See {@link Link.close}. */
  close(): void {
    if (this.#open) this.conn.close();
    this.#open = false;
  }
}

/** A connection from a client as a link. */
export class DenoAcceptedLink extends DenoLink implements AcceptedLink {
  announced: Announced | undefined;

  constructor(override readonly conn: Deno.TcpConn) {
    super(conn);
  }

  /** See {@link AcceptedLink.local}. */
  override get local(): Endpoint {
    return endpoint(this.conn.localAddr);
  }
}

/** An address of Deno as an endpoint. */
export function endpoint(addr: Deno.Addr): Endpoint {
  const { hostname, port } = addr as Deno.NetAddr;
  return { address: peerText(hostname), port };
}

/**
 * Sets TCP_NODELAY, to send small messages immediately, and SO_KEEPALIVE, to detect dead peers. An
 * error means that the peer has reset the connection, which the relay will find out.
 */
export function tuned(conn: Deno.TcpConn): Deno.TcpConn {
  try {
    conn.setNoDelay(true);
    conn.setKeepAlive(true);
  } catch {
    // See above.
  }
  return conn;
}
