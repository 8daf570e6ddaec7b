import { joinBytes, NO_BYTES, writeAll } from "../base/bytes.ts";
import type { Endpoint } from "../base/endpoint.ts";
import { EXIT, ExitError, UnavailableError } from "../base/errors.ts";
import { printable } from "../base/printable.ts";
import { VERSION } from "../base/version.ts";
import { connectControl } from "./control_socket.ts";
import { HELLO, type Hello, type ReplyHead } from "./protocol.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** An answer of the server. Its text has no control characters for the terminal. */
interface Answer extends ReplyHead {
  readonly text: string;
}

/** No balance is running there. The message is that of 3.35, on stdout. */
class NoMasterError extends UnavailableError {
  override readonly stream = "stdout";

  constructor() {
    super("no master process, exiting.");
  }
}

/** The running balance has another version than this client (exit code 65). */
class ReleaseMismatchError extends ExitError {
  override readonly stream = "stdout";

  constructor(found: string) {
    super(`release mismatch, expecting ${VERSION}, got ${found}, exiting.`, EXIT.dataErr);
  }
}

/** A control session, on the side of the client. */
export class ControlClient implements Disposable {
  readonly #conn: Deno.UnixConn;
  readonly #buffer = new Uint8Array(16384);
  #rest: Uint8Array = NO_BYTES;
  #pid = 0;

  private constructor(conn: Deno.UnixConn) {
    this.#conn = conn;
  }

  /** The process ID of the server. */
  get pid(): number {
    return this.#pid;
  }

  /**
   * Connects to a running balance.
   *
   * @param at The address that it listens on.
   * @throws {ExitError} If none is running there (69), or if it has another version (65) or
   * belongs to another user (77).
   */
  static async connect(at: Endpoint): Promise<ControlClient> {
    const conn = await connectControl(at);
    if (conn === undefined) throw new NoMasterError();
    const client = new ControlClient(conn);
    try {
      // A server with too many clients sends a line and closes, perhaps before this write.
      await client.#write(`${HELLO}\n`).catch(() => {});
      const line = await client.#line();
      if (line === undefined) throw new NoMasterError();
      if (!line.startsWith("{")) throw new UnavailableError(`${line}, exiting.`);
      const { version, pid }: Hello = JSON.parse(line);
      if (version !== VERSION) throw new ReleaseMismatchError(String(version));
      client.#pid = Number(pid);
      return client;
    } catch (error) {
      conn.close();
      if (error instanceof ExitError) throw error;
      // The server exited during the greeting.
      throw new NoMasterError();
    }
  }

  /**
   * Sends a command and waits for its answer.
   *
   * @param command One command; newlines in it count as spaces.
   * @returns `undefined` if the server is gone.
   */
  async ask(command: string): Promise<Answer | undefined> {
    try {
      // The server refuses a line that is too long before reading all of it; read its answer.
      await this.#write(`${command.replaceAll("\n", " ")}\n`).catch(() => {});
      const line = await this.#line();
      if (line === undefined) return undefined;
      const head: ReplyHead = JSON.parse(line);
      while (this.#rest.length < head.bytes) if (!await this.#more()) return undefined;
      const text = printable(decoder.decode(this.#take(head.bytes)), { lines: true });
      return { ...head, group: Number(head.group), text };
    } catch (error) {
      if (error instanceof SyntaxError) throw error;
      return undefined;
    }
  }

  [Symbol.dispose](): void {
    this.#conn.close();
  }

  async #write(text: string): Promise<void> {
    await writeAll(this.#conn, encoder.encode(text));
  }

  /** The next line without its newline; `undefined` at the end. */
  async #line(): Promise<string | undefined> {
    while (!this.#rest.includes(10)) if (!await this.#more()) return undefined;
    return decoder.decode(this.#take(this.#rest.indexOf(10) + 1)).slice(0, -1);
  }

  #take(count: number): Uint8Array {
    const bytes = this.#rest.subarray(0, count);
    this.#rest = this.#rest.slice(count);
    return bytes;
  }

  async #more(): Promise<boolean> {
    const n = await this.#conn.read(this.#buffer);
    if (n === null) return false;
    this.#rest = joinBytes([this.#rest, this.#buffer.subarray(0, n)]);
    return true;
  }
}
