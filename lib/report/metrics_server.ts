/**
 * The read-only HTTP server of `--metrics`: `/metrics`, `/healthz`, `/status.json`.
 *
 * `/metrics` is generated piece by piece as the client reads it, so a client that never reads costs
 * one piece of memory and a file descriptor. Deno's server has neither an idle timeout nor a
 * connection limit, so only operators should be able to reach it; the default is this host.
 */

import type { Endpoint } from "../base/endpoint.ts";
import { UnavailableError, withName } from "../base/errors.ts";
import { within } from "../base/within.ts";
import { bindMessage } from "../engine/bind_message.ts";
import { listenFailure } from "../engine/failures.ts";
import { exposition, MEDIA_TYPES, negotiate } from "./exposition.ts";
import { healthProblem } from "./health.ts";
import { metrics, type MetricsSource } from "./metrics.ts";
import { status } from "./status.ts";

/** Minimum size of a piece in characters; the client must read it before the next is generated. */
const PIECE_CHARS = 32 << 10;
/** Maximum time for closing the server, in milliseconds. */
const CLOSE_MS = 1000;
/** Responses are never cached, and never rendered as another media type. */
const COMMON = { "cache-control": "no-store", "x-content-type-options": "nosniff" };

/** A running server. */
export interface MetricsServer {
  /** Makes `/healthz` fail, because new connections are no longer accepted. */
  stopping(): void;
  /** Closes the server and all its connections. */
  close(): Promise<void>;
}

/**
 * Starts to serve the metrics.
 *
 * @param at The address to listen on.
 * @throws {UnavailableError} If the address cannot be bound.
 */
export function serveMetrics(at: Endpoint, source: MetricsSource): MetricsServer {
  const closing = new AbortController(), { signal } = closing;
  let stopping = false;
  const server = listen(at, signal, (request) => answer(request, source, stopping));
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
  at: Endpoint,
  signal: AbortSignal,
  handler: (request: Request) => Response,
): Deno.HttpServer {
  const quiet = { onListen() {}, onError: () => respond(500, "internal error") };
  try {
    return Deno.serve({ hostname: at.address, port: at.port, signal, ...quiet }, handler);
  } catch (error) {
    const failure = listenFailure(error);
    throw new UnavailableError(withName(bindMessage(failure, { ...at, purpose: "metrics" })));
  }
}

/** Responds to a request. For HEAD, Deno discards the body. */
function answer(request: Request, source: MetricsSource, stopping: boolean): Response {
  if (request.method !== "GET" && request.method !== "HEAD") {
    return respond(405, "only GET and HEAD", { allow: "GET, HEAD" });
  }
  switch (URL.parse(request.url)?.pathname) {
    case "/metrics": {
      const format = negotiate(request.headers.get("accept"));
      const headers = { "content-type": MEDIA_TYPES[format], vary: "accept" };
      return respond(200, pieces(exposition(metrics(source, { stopping }), format)), headers);
    }
    case "/healthz":
      return healthPage(healthProblem(source, { stopping }));
    case "/status.json": {
      const text = JSON.stringify(status(source, { stopping }), null, 2);
      return respond(200, text, { "content-type": "application/json" });
    }
    case undefined:
      return respond(400, "bad request");
    default:
      return respond(404, "not found: use /metrics, /healthz or /status.json");
  }
}

function healthPage(problem: string | undefined): Response {
  return problem === undefined ? respond(200, "ok") : respond(503, problem);
}

function respond(
  status: number,
  body: string | ReadableStream<Uint8Array>,
  headers: Record<string, string> = {},
): Response {
  return new Response(typeof body === "string" ? `${body}\n` : body, {
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
