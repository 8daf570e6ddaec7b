import { joinBytes, writeAll } from "../base/bytes.ts";
import { codeOf } from "../base/errors.ts";
import { within } from "../base/within.ts";
import { parsePrintableJson, printable } from "../base/printable.ts";
import { HELLO, type Hello, PROGRESS, type ReplyHead } from "./protocol.ts";

/** Maximum length of a greeting or the head of an answer in bytes; a hostile server sends no newline. */
const MAX_HEAD_BYTES = 64 << 10;
/** Bytes that are read at a time. */
const READ_BYTES = 64 << 10;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** An answer of the server. Its text has no control characters for the terminal. */
export interface Answer extends ReplyHead {
  readonly text: string;
}

/** What happens while an answer comes in parts. */
export interface AskOptions {
  /**
   * Called with each part of the text but the last, which is that of the answer. Without it, the
   * answer has all of the text.
   */
  readonly onPart?: (text: string) => void;
  /**
   * Abandons an answer that comes in parts: closes the session. Any other answer does not take
   * long, and is waited for.
   */
  readonly signal?: AbortSignal;
}

/** The client side of the framed protocol (protocol.ts). Closed at the end of its scope. */
export class FramedSession implements Disposable {
  readonly #conn: Deno.UnixConn;
  readonly #buffer = new Uint8Array(READ_BYTES);
  readonly #rest = new Received();
  #receivedBytes = 0;
  #hello: Hello = { version: "", pid: 0 };
  /** Whether the server knows that this client takes answers in parts. */
  #takesParts = false;

  private constructor(conn: Deno.UnixConn) {
    this.#conn = conn;
  }

  /** The greeting of the server. */
  get hello(): Hello {
    return this.#hello;
  }

  /**
   * Greets a server.
   *
   * @param conn Closed if there is no session.
   * @returns The session; the line with which the server refused it; `undefined` if the server
   * closed the connection without one, or what it sent is not a greeting.
   */
  static async open(conn: Deno.UnixConn): Promise<FramedSession | string | undefined> {
    const session = new FramedSession(conn);
    const result = await session.#greet().catch(() => undefined);
    if (result !== session) session[Symbol.dispose]();
    return result;
  }

  async #greet(): Promise<FramedSession | string | undefined> {
    // A server with too many clients sends a line and closes, perhaps before this write.
    await this.#write(`${HELLO}\n`).catch(() => {});
    const line = await this.#line();
    if (line === undefined) return undefined;
    if (!line.startsWith("{")) return printable(line);
    const hello = parsePrintableJson(line);
    if (typeof hello.version !== "string" || !Number.isInteger(hello.pid)) return undefined;
    this.#hello = { ...hello, uptimeMs: number(hello.uptimeMs), open: number(hello.open) };
    return this;
  }

  /** How many bytes the server has sent so far. */
  get receivedBytes(): number {
    return this.#receivedBytes;
  }

  /** Sends a line that is not a command. */
  async send(line: string): Promise<void> {
    await this.#write(`${line}\n`);
  }

  /**
   * Waits for a line that is not the head of an answer.
   *
   * @param maxBytes Its maximum length.
   * @returns `undefined` at the end of the session, and if the line is too long.
   */
  async receive(maxBytes: number): Promise<string | undefined> {
    return await this.#line({ maxBytes }).catch(() => undefined);
  }

  /**
   * Sends a command and waits for its answer.
   *
   * @param command One command; newlines in it count as spaces.
   * @returns `"unanswered"` if the server closed the connection without sending anything: it did
   * not read the command, or it has exited. `undefined` if the answer is incomplete, malformed or
   * abandoned.
   */
  async ask(
    command: string,
    { onPart, signal }: AskOptions = {},
  ): Promise<Answer | "unanswered" | undefined> {
    const announcesParts = this.#hello.progress === true && !this.#takesParts;
    this.#takesParts ||= announcesParts;
    const line = `${command.replaceAll("\n", " ")}\n`;
    // The server refuses a line that is too long before reading all of it; read its answer.
    await this.#write(announcesParts ? `${PROGRESS}\n${line}` : line).catch(() => {});
    const abandon = () => this[Symbol.dispose]();
    let part = await this.#part(), text = "";
    signal?.addEventListener("abort", abandon);
    try {
      while (typeof part === "object" && part.more === true) {
        if (signal?.aborted) return abandon(), undefined;
        if (onPart === undefined) text += part.text;
        else onPart(part.text);
        const next = await this.#part();
        part = next === "unanswered" ? undefined : next;
      }
      return typeof part === "object" ? { ...part, text: text + part.text } : part;
    } finally {
      signal?.removeEventListener("abort", abandon);
    }
  }

  /** Waits for a part of an answer, or for all of it; see {@link ask}. */
  async #part(): Promise<Answer | "unanswered" | undefined> {
    let isAnswered = this.#rest.length > 0;
    try {
      const line = await this.#line({ onBytes: () => isAnswered = true });
      if (line === undefined) return isAnswered ? undefined : "unanswered";
      const head: ReplyHead = parsePrintableJson(line);
      while (this.#rest.length < head.bytes) if (!await this.#more()) return undefined;
      const text = printable(decoder.decode(this.#rest.take(head.bytes)), { lines: true });
      return { ...head, group: Number(head.group), text };
    } catch (error) {
      return isAnswered || error instanceof SyntaxError ? undefined : "unanswered";
    }
  }

  [Symbol.dispose](): void {
    try {
      this.#conn.close();
    } catch { /* already closed */ }
  }

  async #write(text: string): Promise<void> {
    await writeAll(this.#conn, encoder.encode(text));
  }

  /** The next line without its newline; `undefined` at the end. */
  async #line({ onBytes = () => {}, maxBytes = MAX_HEAD_BYTES } = {}): Promise<string | undefined> {
    while (this.#rest.lineBytes === undefined) {
      if (this.#rest.length > maxBytes) return undefined;
      if (!await this.#more()) return undefined;
      onBytes();
    }
    return decoder.decode(this.#rest.take(this.#rest.lineBytes).subarray(0, -1));
  }

  async #more(): Promise<boolean> {
    const n = await this.#conn.read(this.#buffer);
    if (n === null) return false;
    this.#rest.add(this.#buffer.slice(0, n));
    this.#receivedBytes += n;
    return true;
  }
}

/** Bytes that were received and not taken yet, in pieces: a line may have hundreds of megabytes. */
class Received {
  #pieces: Uint8Array[] = [];
  length = 0;
  /** The length of the first line with its newline; `undefined` if it is incomplete. */
  lineBytes: number | undefined;

  add(piece: Uint8Array): void {
    const end = this.lineBytes === undefined ? piece.indexOf(10) : -1;
    if (end >= 0) this.lineBytes = this.length + end + 1;
    this.#pieces.push(piece);
    this.length += piece.length;
  }

  /** Removes the first bytes. @param count At most as many as there are. */
  take(count: number): Uint8Array {
    const all = joinBytes(this.#pieces), taken = all.subarray(0, count);
    this.#pieces = [];
    this.length = 0;
    this.lineBytes = undefined;
    if (count < all.length) this.add(all.slice(count));
    return taken;
  }
}

/** What another user's program sent as a number. */
function number(value: unknown): number | undefined {
  return typeof value === "number" ? value : undefined;
}

/** What is at the path of a control socket, besides a greeting. */
export type NoGreeting =
  /** No process listens, or there is no socket. */
  | "none"
  /** This user may not connect. */
  | "forbidden"
  /** A process listens, but does not answer in time. */
  | "silent";

/**
 * Opens a session with the server at a path.
 *
 * @param ms Time limit in milliseconds.
 */
export async function openSession(path: string, ms: number): Promise<FramedSession | NoGreeting> {
  let conn: Deno.UnixConn;
  try {
    conn = await Deno.connect({ transport: "unix", path });
  } catch (error) {
    if (isUnserved(error)) return "none";
    return isForbidden(error) ? "forbidden" : "silent";
  }
  const opening = FramedSession.open(conn);
  const session = await within(opening, ms);
  if (session instanceof FramedSession) return session;
  try {
    conn.close();
  } catch { /* closed with the session */ }
  await opening;
  return "silent";
}

/** The greeting of the server at a path; see {@link openSession}. */
export async function greetingAt(path: string, ms: number): Promise<Hello | NoGreeting> {
  const session = await openSession(path, ms);
  if (typeof session === "string") return session;
  using open = session;
  return open.hello;
}

/** Whether connecting failed because there is no socket or no process listens on it. */
export function isUnserved(error: unknown): boolean {
  const { ConnectionRefused, ConnectionReset, NotFound } = Deno.errors;
  return [ConnectionRefused, ConnectionReset, NotFound].some((kind) => error instanceof kind) ||
    ["ENOENT", "ENOTDIR"].includes(codeOf(error) ?? "");
}

function isForbidden(error: unknown): boolean {
  return error instanceof Deno.errors.PermissionDenied || codeOf(error) === "EACCES";
}
