/**
 * The read-only HTTP server of `--metrics`: `/metrics`, `/healthz`, `/status.json`.
 *
 * Nothing that a client sends changes anything. Answers are made piece by piece as the client
 * takes them, so one that never reads costs one piece of memory and its descriptor. The runtime's
 * server ends no idle connection and limits their number to none, so it should listen only where
 * those who look after balance can reach it: on this host, unless said otherwise.
 */

import type { Endpoint } from "../base/endpoint.ts";
import { formatEndpoint } from "../address/host_port.ts";
import { messageOf, UnavailableError } from "../base/errors.ts";
import { NAME } from "../base/version.ts";
import { exposition, MEDIA_TYPES, negotiate } from "./exposition.ts";
import { metrics, type MetricsSource } from "./metrics.ts";
import { isHealthy, status } from "./status.ts";

/** Characters that are made before the client has to take them. */
const PIECE_CHARS = 32 << 10;
/** Milliseconds that closing may take; the program ends anyway. */
const CLOSE_MS = 1000;

/** A running server. */
export interface MetricsServer {
  /** From now on `/healthz` says that no new connections are accepted. */
  stopping(): void;
  /** Ends it, with all its connections. */
  close(): Promise<void>;
}

/**
 * Serves the metrics.
 *
 * @param at Where it listens.
 * @param source What they are about.
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
      let timer: ReturnType<typeof setTimeout> | undefined;
      const late = new Promise((resolve) => timer = setTimeout(resolve, CLOSE_MS));
      await Promise.race([server.finished, late]);
      clearTimeout(timer);
    },
  };
}

function listen(
  { address, port }: Endpoint,
  { signal, answer }: { signal: AbortSignal; answer: (request: Request) => Response },
): Deno.HttpServer {
  const quiet = { onListen() {}, onError: () => say(500, "internal error") };
  try {
    return Deno.serve({ hostname: address, port, signal, ...quiet }, answer);
  } catch (error) {
    const reason = messageOf(error).replace(/ \(os error .*/s, "");
    throw new UnavailableError(
      `${NAME}: can't bind metrics address [${formatEndpoint({ address, port })}]: ${reason}`,
    );
  }
}

function answer(request: Request, source: MetricsSource, now: { stopping: boolean }): Response {
  if (request.method !== "GET" && request.method !== "HEAD") {
    return say(405, "only GET and HEAD", { allow: "GET, HEAD" });
  }
  // For HEAD the server leaves the body out and cancels it.
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
      if (stopping) return say(503, "shutting down");
      return isHealthy(source) ? say(200, "ok") : say(503, "no channel available");
    case "/status.json": {
      const text = `${JSON.stringify(status(source, { stopping }), null, 2)}\n`;
      return new Response(text, { headers: { ...COMMON, "content-type": "application/json" } });
    }
    case undefined:
      return say(400, "bad request");
    default:
      return say(404, "not found: there are /metrics, /healthz and /status.json");
  }
}

/** The path that is asked for; `undefined` if the request makes no sense. */
function pathOf(request: Request): string | undefined {
  try {
    return new URL(request.url).pathname;
  } catch {
    return undefined;
  }
}

/** Numbers of the moment; never what a browser believes to be a page. */
const COMMON = { "cache-control": "no-store", "x-content-type-options": "nosniff" };

function say(status: number, text: string, headers: Record<string, string> = {}): Response {
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
