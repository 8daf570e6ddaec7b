/**
 * The read-only HTTP server of `--metrics`: `/metrics`, `/healthz`, `/status.json`.
 *
 * Responses are generated piece by piece as the client reads them, so a client that never reads
 * costs one piece of memory and a file descriptor. Deno's server has neither an idle timeout nor a
 * connection limit, so it should be reachable by operators only; the default is this host.
 */

import { formatEndpoint } from "../address/host_port.ts";
import type { Endpoint } from "../base/endpoint.ts";
import { systemReason, UnavailableError, withName } from "../base/errors.ts";
import { within } from "../base/within.ts";
import { exposition, MEDIA_TYPES, negotiate } from "./exposition.ts";
import { metrics, type MetricsSource } from "./metrics.ts";
import { isHealthy, status } from "./status.ts";

/** Characters that are generated before the client has to read them. */
const PIECE_CHARS = 32 << 10;
/** Milliseconds to wait for the server to close. */
const CLOSE_MS = 1000;

/** A running server. */
export interface MetricsServer {
  /** Makes `/healthz` fail, because no new connections are accepted any more. */
  stopping(): void;
  /** Closes the server and all its connections. */
  close(): Promise<void>;
}

/**
 * Starts to serve the metrics.
 *
 * @param at The address to listen on.
 * @param source Where the data comes from.
 * @throws {UnavailableError} If the address cannot be bound.
 */
export function serveMetrics(at: Endpoint, source: MetricsSource): MetricsServer {
  const closing = new AbortController();
  let stopping = false;
  const server = listen(at, {
    signal: closing.signal,
    answer: (request) => answer(request, source, { stopping }),
  });
  return {
    stopping() {
      stopping = true;
    },
    async close() {
      closing.abort();
      await within(server.finished, CLOSE_MS);
    },
  };
}

function listen(
  { address, port }: Endpoint,
  { signal, answer }: { signal: AbortSignal; answer: (request: Request) => Response },
): Deno.HttpServer {
  const quiet = { onListen() {}, onError: () => respond(500, "internal error") };
  try {
    return Deno.serve({ hostname: address, port, signal, ...quiet }, answer);
  } catch (error) {
    const at = formatEndpoint({ address, port });
    throw new UnavailableError(
      withName(`can't bind metrics address [${at}]: ${systemReason(error)}`),
    );
  }
}

function answer(request: Request, source: MetricsSource, now: { stopping: boolean }): Response {
  if (request.method !== "GET" && request.method !== "HEAD") {
    return respond(405, "only GET and HEAD", { allow: "GET, HEAD" });
  }
  // For HEAD, Deno discards and cancels the body.
  return page(request, source, now);
}

function page(
  request: Request,
  source: MetricsSource,
  { stopping }: { stopping: boolean },
): Response {
  switch (pathOf(request)) {
    case "/metrics": {
      const format = negotiate(request.headers.get("accept"));
      return new Response(pieces(exposition(metrics(source), format)), {
        headers: { ...COMMON, "content-type": MEDIA_TYPES[format], vary: "accept" },
      });
    }
    case "/healthz":
      if (stopping) return respond(503, "shutting down");
      return isHealthy(source) ? respond(200, "ok") : respond(503, "no channel available");
    case "/status.json": {
      const text = `${JSON.stringify(status(source, { stopping }), null, 2)}\n`;
      return new Response(text, { headers: { ...COMMON, "content-type": "application/json" } });
    }
    case undefined:
      return respond(400, "bad request");
    default:
      return respond(404, "not found: use /metrics, /healthz or /status.json");
  }
}

/** The path of the request; `undefined` if its URL is invalid. */
function pathOf(request: Request): string | undefined {
  try {
    return new URL(request.url).pathname;
  } catch {
    return undefined;
  }
}

/** Never cached, and never rendered as another media type. */
const COMMON = { "cache-control": "no-store", "x-content-type-options": "nosniff" };

function respond(status: number, text: string, headers: Record<string, string> = {}): Response {
  return new Response(`${text}\n`, {
    status,
    headers: { ...COMMON, "content-type": "text/plain; charset=utf-8", ...headers },
  });
}

function pieces(lines: Iterator<string>): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  return new ReadableStream({
    pull(controller) {
      let text = "";
      while (text.length < PIECE_CHARS) {
        const { done, value } = lines.next();
        if (done) break;
        text += value;
      }
      if (text !== "") controller.enqueue(encoder.encode(text));
      else controller.close();
    },
  });
}
