import { joinBytes, NO_BYTES, writeAll } from "../../base/bytes.ts";
import type { Endpoint } from "../../base/endpoint.ts";
import { requestShutdown } from "../../native/sockets.ts";
import { HeadReader, MAX_HEAD_BYTES } from "./head_reader.ts";
import { keepsAlive, parseRequestHead, type Refusal, type RequestHead } from "./request_head.ts";
import { chunk, type HttpResponse, respondText, responseHead } from "./response.ts";

/** A client may take this long for a whole request head, and to read a piece of its response. */
const HEAD_MS = 10_000, UNREAD_MS = 10_000;
/** Milliseconds between two attempts to end a write that is pending after that. */
const SHUTDOWN_MS = 500;
/** Size of a piece of a response in bytes. */
const PIECE_BYTES = 64 << 10;
/**
 * After the last response, what the client still sends is ignored for a moment: closing the socket
 * while bytes are unread resets the connection, and the client may lose the response.
 */
const LINGER_MS = 1000, LINGER_BYTES = 64 << 10;

/** What a connection is served with. */
export interface HttpHandling {
  /** Responds to a request. */
  answer(request: RequestHead): HttpResponse | Promise<HttpResponse>;
  /** Waits until another request may be parsed or another piece be written; see `Turns`. */
  turn(): Promise<void>;
  /** Whether another connection needs this place, so that this one ends after its response. */
  crowded(): boolean;
}

/** One connection of an HTTP client. It lasts until {@linkcode HttpConnection.run} resolves. */
export class HttpConnection {
  readonly #conn: Deno.TcpConn;
  readonly #handling: HttpHandling;
  readonly #reader = new HeadReader();
  /** Called when the connection starts to wait for a request. */
  readonly #onIdle: (connection: HttpConnection) => void;
  #closed = false;
  /** Since when no request is in progress, by `performance.now()`; `Infinity` during one. */
  idleSince = Infinity;
  /** Whether nothing has been responded yet. */
  silent = true;

  /** @param conn Owned by the connection from now on. */
  constructor(
    conn: Deno.TcpConn,
    handling: HttpHandling,
    onIdle: (connection: HttpConnection) => void,
  ) {
    this.#conn = conn;
    this.#handling = handling;
    this.#onIdle = onIdle;
  }

  /** Serves the client. Its descriptor is free when this resolves; it never rejects. */
  async run(): Promise<void> {
    try {
      this.#conn.setNoDelay(true);
      while (await this.#serveOne());
      if (!this.#closed) await this.#linger();
    } catch {
      /* the client is gone, too slow or replaced */
    } finally {
      this.close();
    }
  }

  /** Closes the connection. Up to Deno 2.6, a pending write holds its descriptor. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.idleSince = Infinity;
    try {
      this.#conn.close();
    } catch { /* already closed */ }
  }

  /** Responds to one request. Returns whether another one may follow. */
  async #serveOne(): Promise<boolean> {
    const head = await this.#readHead();
    if (head === undefined) return false;
    this.idleSince = Infinity;
    await this.#handling.turn();
    const reason = `the request head exceeds ${MAX_HEAD_BYTES} bytes`;
    const tooLarge: Refusal = { status: 431, reason };
    const parsed = head === "too large" ? tooLarge : parseRequestHead(head);
    const request = "status" in parsed ? undefined : parsed;
    const response = "status" in parsed
      ? respondText(parsed.status, parsed.reason, { close: true })
      : await this.#answer(parsed);
    this.silent = false;
    return await this.#send(response, request);
  }

  async #readHead(): Promise<Uint8Array | "too large" | undefined> {
    this.idleSince = performance.now();
    this.#onIdle(this);
    return await this.#limited(HEAD_MS, () => this.#reader.next((into) => this.#conn.read(into)));
  }

  async #answer(request: RequestHead): Promise<HttpResponse> {
    try {
      return await this.#handling.answer(request);
    } catch {
      return respondText(500, "internal error");
    }
  }

  /** Sends a response. Returns whether the connection goes on. */
  async #send(response: HttpResponse, request: RequestHead | undefined): Promise<boolean> {
    const { body } = response;
    const streamed = !(body instanceof Uint8Array);
    try {
      const chunked = streamed && request?.version === "1.1";
      const endsBody = streamed && !chunked;
      const keepAlive = request !== undefined && keepsAlive(request) && !response.close &&
        !endsBody && !this.#handling.crowded();
      const head = responseHead(response, request, { keepAlive, chunked });
      if (request?.method === "HEAD") await this.#write(head);
      else if (!streamed) await this.#writeWhole(head, body);
      else {
        await this.#write(head);
        for await (const piece of body.pieces) {
          await this.#write(...(chunked ? chunk(piece) : [piece]));
        }
        if (chunked) await this.#write(...chunk(NO_BYTES));
      }
      return keepAlive;
    } finally {
      if (streamed) body.release();
    }
  }

  async #writeWhole(head: Uint8Array, body: Uint8Array): Promise<void> {
    await this.#write(head, body.subarray(0, PIECE_BYTES));
    for (let at = PIECE_BYTES; at < body.length; at += PIECE_BYTES) {
      await this.#write(body.subarray(at, at + PIECE_BYTES));
    }
  }

  /** Sends bytes. If the client does not read them in time, the connection is closed. */
  async #write(...parts: Uint8Array[]): Promise<void> {
    await this.#handling.turn();
    let timer = setTimeout(() => {
      this.close();
      timer = setInterval(() => this.#shutDown(), SHUTDOWN_MS);
    }, UNREAD_MS);
    try {
      await writeAll(this.#conn, joinBytes(parts));
    } finally {
      clearTimeout(timer);
    }
  }

  /** Ends a pending write that closing has not ended, so that its descriptor gets free. */
  #shutDown(): void {
    const { localAddr, remoteAddr } = this.#conn;
    requestShutdown([{ local: endpointOf(localAddr), remote: endpointOf(remoteAddr) }]);
  }

  async #linger(): Promise<void> {
    this.idleSince = performance.now();
    this.#onIdle(this);
    await this.#limited(LINGER_MS, async () => {
      await this.#conn.closeWrite();
      const ignored = new Uint8Array(4096);
      for (let left = LINGER_BYTES; left > 0;) {
        const count = await this.#conn.read(ignored);
        if (count === null) return;
        left -= count;
      }
    });
  }

  /** Closes the connection unless `work` ends in time, which then rejects. */
  async #limited<T>(ms: number, work: () => Promise<T>): Promise<T> {
    const timer = setTimeout(() => this.close(), ms);
    try {
      return await work();
    } finally {
      clearTimeout(timer);
    }
  }
}

function endpointOf({ hostname, port }: Deno.NetAddr): Endpoint {
  return { address: hostname, port };
}
