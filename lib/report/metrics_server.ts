/**
 * The read-only HTTP server of `--metrics`: `/metrics`, `/healthz`, `/status.json`.
 *
 * It shares a thread with the proxy, and its clients are not trusted: connections, requests and
 * rendering are bounded, see `lib/report/http/` and `lib/report/pages/`.
 */

import type { Endpoint } from "../base/endpoint.ts";
import { UnavailableError, withName } from "../base/errors.ts";
import { bindMessage } from "../engine/bind_message.ts";
import { listenFailure } from "../engine/failures.ts";
import type { Share } from "../system/capacity.ts";
import { isAllowedHost } from "./http/allowed_hosts.ts";
import { type HttpServer, serveHttp } from "./http/http_server.ts";
import { hasBody, type RequestHead } from "./http/request_head.ts";
import { requestTarget } from "./http/request_target.ts";
import { type HttpResponse, respondText } from "./http/response.ts";
import { Turns } from "./http/turns.ts";
import type { MetricsSource } from "./metrics.ts";
import { MetricsPages } from "./metrics_pages.ts";

/** A running server. */
export interface MetricsServer {
  /** Makes `/healthz` fail, because new connections are no longer accepted. */
  stopping(): void;
  /** Whether connections are closed after their next response, because a successor serves. */
  retire(value: boolean): void;
  /** Closes the server and all its connections. */
  close(): Promise<void>;
}

/** Who may use the server, and how many. */
export interface MetricsServerOptions {
  /** Host names of this server, in lower case; addresses and `localhost` need not be named. */
  readonly hosts: ReadonlySet<string>;
  /** Where the descriptors of its connections come from. */
  readonly descriptors: Pick<Share, "take" | "release">;
  /** Whether another program of this user may listen at the same address. */
  readonly joins?: boolean | undefined;
}

/**
 * Starts to serve the metrics.
 *
 * @param at The address to listen on.
 * @throws {UnavailableError} If the address cannot be bound.
 */
export function serveMetrics(
  at: Endpoint,
  source: MetricsSource,
  { hosts, descriptors, joins }: MetricsServerOptions,
): MetricsServer {
  const turns = new Turns(), state = { stopping: false };
  const pages = new MetricsPages(source, { turn: () => turns.next(), state });
  const answer = (request: RequestHead) => refusal(request, hosts) ?? pages.answer(request);
  const server = listen(at, () => serveHttp(at, { answer, descriptors, turns, joins }));
  return {
    stopping() {
      state.stopping = true;
    },
    retire: (value) => server.retire(value),
    close: () => server.close(),
  };
}

function listen(at: Endpoint, serve: () => HttpServer): HttpServer {
  try {
    return serve();
  } catch (error) {
    const failure = listenFailure(error);
    throw new UnavailableError(withName(bindMessage(failure, { ...at, purpose: "metrics" })));
  }
}

/** Why a request is not served, whatever page it asks for. */
function refusal(request: RequestHead, hosts: ReadonlySet<string>): HttpResponse | undefined {
  const { method, target, fields } = request;
  const named = [...fields.get("host") ?? []], isRead = method === "GET" || method === "HEAD";
  const parsed = isRead ? requestTarget(target) : undefined;
  if (isRead && parsed === undefined) return respondText(400, "bad request", { close: true });
  if (parsed?.host !== undefined) named.push(parsed.host);
  const wrong = named.find((host) => !isAllowedHost(host, hosts));
  if (wrong !== undefined) {
    // It is visible ASCII: the request was parsed.
    const reason = "is not an IP address, localhost, or a name given with --metrics-host";
    return respondText(403, `host [${wrong}] ${reason}`, { close: true });
  }
  if (!isRead) {
    const options = { headers: { allow: "GET, HEAD" }, close: hasBody(request) };
    return respondText(405, "method not allowed: use GET or HEAD", options);
  }
  return hasBody(request)
    ? respondText(413, "request bodies are not accepted", { close: true })
    : undefined;
}
