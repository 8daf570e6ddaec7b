/**
 * The head of an HTTP/1 request (RFC 9112), strictly parsed. Pure.
 *
 * `http-parser-js` was tried and is too lenient for a server that trusts `Host`: it accepts lines
 * without CR, skips malformed fields such as `Host : a`, clears the high bit of every byte, ignores
 * `Transfer-Encoding: xchunked`, and limits the head only between chunks.
 */

/** A request without its body. */
export interface RequestHead {
  readonly method: string;
  /** As sent: `/metrics`, or `http://host/metrics`. */
  readonly target: string;
  /** `"1.1"` also stands for later minor versions. */
  readonly version: "1.0" | "1.1";
  /** The values of each field, by its name in lower case. */
  readonly fields: ReadonlyMap<string, readonly string[]>;
}

/** Why a request is refused. The connection is closed after it, because its framing is unknown. */
export interface Refusal {
  readonly status: 400 | 431 | 505;
  readonly reason: string;
}

const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
/** Visible ASCII without spaces. */
const TARGET = /^[\x21-\x7e]+$/;
const VERSION = /^HTTP\/(\d)\.(\d)$/;
/** A name or an address in brackets, and a port (RFC 3986 section 3.2). */
const HOST = /^(\[[\w.:%-]*\]|[\w.~!$&'()*+,;=%-]*)(:\d*)?$/;
/** Tab, visible characters and bytes above ASCII. */
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

/**
 * Parses a request head.
 *
 * @param bytes The head without the empty line at its end.
 */
export function parseRequestHead(bytes: Uint8Array): RequestHead | Refusal {
  const [first = "", ...rest] = String.fromCharCode(...bytes).split("\r\n");
  const [method = "", target = "", version = "", ...more] = first.split(" ");
  const numbers = VERSION.exec(version);
  if (!TOKEN.test(method) || !TARGET.test(target) || numbers === null || more.length > 0) {
    return bad("malformed request line");
  }
  if (numbers[1] !== "1") return { status: 505, reason: `${version} is not supported` };
  const fields = new Map<string, string[]>();
  for (const line of rest) {
    const colon = line.indexOf(":"), name = line.slice(0, colon).toLowerCase();
    const value = withoutBlanks(line.slice(colon + 1));
    if (colon < 0 || !TOKEN.test(name) || !VALUE.test(value)) return bad("malformed header field");
    const values = fields.get(name);
    if (values === undefined) fields.set(name, [value]);
    else values.push(value);
  }
  const head = { method, target, version: numbers[2] === "0" ? "1.0" : "1.1", fields } as const;
  return framingProblem(head) ?? head;
}

/** Whether a request announces a body. Its framing was checked before. */
export function hasBody({ fields }: RequestHead): boolean {
  const length = fields.get("content-length")?.[0];
  return fields.has("transfer-encoding") || (length !== undefined && !/^0+$/.test(length));
}

/** Whether the client wants to send another request on this connection (RFC 9112 section 9.3). */
export function keepsAlive({ version, fields }: RequestHead): boolean {
  const options = (listOf(fields, "connection") ?? "").toLowerCase().split(",").map(withoutBlanks);
  if (options.includes("close")) return false;
  return version === "1.1" || options.includes("keep-alive");
}

/** All values of a field that is a list, separated by commas; `undefined` without the field. */
export function listOf(fields: RequestHead["fields"], name: string): string | undefined {
  return fields.get(name)?.join(",");
}

/** Whether `Accept-Encoding` allows gzip (RFC 9110 section 12.5.3). */
export function acceptsGzip(accept = ""): boolean {
  return accept.toLowerCase().split(",").some((coding) => {
    const [name = "", ...parameters] = coding.split(";").map(withoutBlanks);
    return ["gzip", "x-gzip", "*"].includes(name) &&
      !parameters.some((one) => /^q=0[.0]*$/.test(one));
  });
}

/** Why it would be ambiguous where the request ends, or which host it is for. */
function framingProblem({ version, fields }: RequestHead): Refusal | undefined {
  const hosts = fields.get("host") ?? [];
  if (hosts.length > 1) return bad("more than one Host");
  if (hosts.length === 0 && version === "1.1") return bad("Host is missing");
  if (!HOST.test(hosts[0] ?? "")) return bad("invalid Host");
  const lengths = fields.get("content-length") ?? [];
  const isLength = lengths.length < 2 && /^\d*$/.test(lengths[0] ?? "0") && lengths[0] !== "";
  if (!isLength) return bad("invalid Content-Length");
  if (!fields.has("transfer-encoding")) return undefined;
  if (lengths.length > 0 || version === "1.0") return bad("invalid Transfer-Encoding");
  return undefined;
}

function bad(reason: string): Refusal {
  return { status: 400, reason };
}

/** `trim()` would also remove spaces that are not ASCII. */
function withoutBlanks(text: string): string {
  let start = 0, end = text.length;
  while (start < end && isBlank(text[start])) start++;
  while (end > start && isBlank(text[end - 1])) end--;
  return text.slice(start, end);
}

function isBlank(character: string | undefined): boolean {
  return character === " " || character === "\t";
}
