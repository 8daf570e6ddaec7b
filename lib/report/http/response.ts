/** Responses, and their heads as bytes. Pure, except for the date. */

import type { RequestHead } from "./request_head.ts";

/** A body of unknown length. */
export interface Streamed {
  readonly pieces: AsyncIterable<Uint8Array>;
  /** Frees what the body holds; called once, also if no piece was read. */
  release(): void;
}

/** A response. */
export interface HttpResponse {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array<ArrayBuffer> | Streamed;
  /** Whether the connection ends after it. */
  readonly close: boolean;
}

const encoder = new TextEncoder();

/** Responses are never cached, and never rendered as another media type. */
const COMMON = { "cache-control": "no-store", "x-content-type-options": "nosniff" };

// deno-fmt-ignore
const PHRASES: Readonly<Record<number, string>> = {
  200: "OK", 400: "Bad Request", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed",
  413: "Content Too Large", 431: "Request Header Fields Too Large", 500: "Internal Server Error",
  503: "Service Unavailable", 505: "HTTP Version Not Supported",
};

/** A response. @param options `headers` in addition to the common ones; `close`, default false. */
export function respond(
  status: number,
  body: HttpResponse["body"],
  { headers = {}, close = false }: { headers?: Record<string, string>; close?: boolean } = {},
): HttpResponse {
  return { status, headers: { ...COMMON, ...headers }, body, close };
}

/** A response of one line of text. */
export function respondText(
  status: number,
  text: string,
  { headers = {}, close = false }: { headers?: Record<string, string>; close?: boolean } = {},
): HttpResponse {
  const type = { "content-type": "text/plain; charset=utf-8" };
  return respond(status, encoder.encode(`${text}\n`), { headers: { ...type, ...headers }, close });
}

/**
 * The head of a response.
 *
 * @param request The request; `undefined` if it could not be parsed.
 * @param framing `keepAlive`: whether the connection goes on; `chunked`: whether the body is.
 */
export function responseHead(
  { status, headers, body }: HttpResponse,
  request: RequestHead | undefined,
  { keepAlive, chunked }: { keepAlive: boolean; chunked: boolean },
): Uint8Array<ArrayBuffer> {
  const lines = [
    `HTTP/1.1 ${status} ${PHRASES[status] ?? ""}`,
    `date: ${new Date().toUTCString()}`,
  ];
  for (const [name, value] of Object.entries(headers)) lines.push(`${name}: ${value}`);
  if (body instanceof Uint8Array) lines.push(`content-length: ${body.length}`);
  if (chunked) lines.push("transfer-encoding: chunked");
  if (!keepAlive) lines.push("connection: close");
  else if (request?.version === "1.0") lines.push("connection: keep-alive");
  return encoder.encode(`${lines.join("\r\n")}\r\n\r\n`);
}

/** One chunk of a chunked body; an empty one ends it. */
export function chunk(piece: Uint8Array): Uint8Array<ArrayBuffer>[] {
  const end = encoder.encode("\r\n");
  return [encoder.encode(`${piece.length.toString(16)}\r\n`), new Uint8Array(piece), end];
}
