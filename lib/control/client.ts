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
export interface Answer extends ReplyHead {
  readonly text: string;
}

/** There is no balance to control. The message is that of 3.35, on stdout. */
export class NoMasterError extends UnavailableError {
  override readonly stream = "stdout";

  /** The message is always the same. */
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
  /** Version and process of the server. */
  readonly hello: Hello;

  private constructor(conn: Deno.UnixConn, hello: Hello) {
    this.#conn = conn;
    this.hello = hello;
  }

  /**
   * Connects to a running balance.
   *
   * @param at Where it listens.
   * @throws {NoMasterError} If there is none.
   * @throws {ExitError} If it has another version (65) or belongs to another user (77).
   */
  static async connect(at: Endpoint): Promise<ControlClient> {
    const conn = await connectControl(at);
    if (conn === undefined) throw new NoMasterError();
    const opening = new ControlClient(conn, { version: "", pid: 0 });
    try {
      // A server with too many clients sends a line and closes, perhaps before this write.
      await opening.#write(`${HELLO}\n`).catch(() => {});
      const line = await opening.#line();
      if (line === undefined) throw new NoMasterError();
      if (!line.startsWith("{")) throw new UnavailableError(`${line}, exiting.`);
      const { version, pid }: Hello = JSON.parse(line);
      if (version !== VERSION) throw new ReleaseMismatchError(String(version));
      return new ControlClient(conn, { version, pid: Number(pid) });
    } catch (error) {
      conn.close();
      if (error instanceof ExitError) throw error;
      // It exited during the greeting.
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
      const text = printable(decoder.decode(await this.#bytes(head.bytes)), { lines: true });
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

  async #line(): Promise<string | undefined> {
    for (;;) {
      const end = this.#rest.indexOf(10);
      if (end >= 0) {
        const line = decoder.decode(this.#rest.subarray(0, end));
        this.#rest = this.#rest.slice(end + 1);
        return line;
      }
      if (!await this.#more()) return undefined;
    }
  }

  async #bytes(count: number): Promise<Uint8Array> {
    while (this.#rest.length < count) {
      if (!await this.#more()) throw new Deno.errors.UnexpectedEof("answer cut short");
    }
    const bytes = this.#rest.slice(0, count);
    this.#rest = this.#rest.slice(count);
    return bytes;
  }

  async #more(): Promise<boolean> {
    const n = await this.#conn.read(this.#buffer);
    if (n === null) return false;
    this.#rest = joinBytes([this.#rest, this.#buffer.slice(0, n)]);
    return true;
  }
}
