import { delay } from "@std/async/delay";
import type { Endpoint } from "../base/endpoint.ts";
import { EXIT, ExitError, systemReason, UnavailableError, withName } from "../base/errors.ts";
import { VERSION } from "../base/version.ts";
import { within } from "../base/within.ts";
import { connect, connectControl } from "./control_socket.ts";
import { type Answer, type AskOptions, FramedSession, isUnserved } from "./framed_session.ts";
import { whereItRuns } from "./no_master.ts";
import { type Hello, isUnderstood } from "./protocol.ts";

/** Milliseconds that a server may take for its greeting. */
const GREETING_MS = 5000;
/**
 * How often the client connects again if the server closes the connection, because there are too
 * many clients or the session was idle, and the pause before it in milliseconds.
 */
const ATTEMPTS = 20, ATTEMPT_MS = 50;

/** No balance is running there. The message is that of 3.35, on stdout; hints are on stderr. */
class NoMasterError extends UnavailableError {
  override readonly stream = "stdout";

  constructor(override readonly hints: readonly string[]) {
    super("no master process, exiting.");
  }
}

/** The running balance has a protocol that this client does not know (exit code 65). */
class ReleaseMismatchError extends ExitError {
  override readonly stream = "stdout";

  constructor(found: string) {
    super(`release mismatch, expecting ${VERSION}, got ${found}, exiting.`, EXIT.dataErr);
  }
}

/** The client side of a control session. */
export class ControlClient implements Disposable {
  readonly #at: Endpoint;
  #session: FramedSession;
  #group = 0;

  private constructor(at: Endpoint, session: FramedSession) {
    this.#at = at;
    this.#session = session;
  }

  /** The process ID of the server. */
  get pid(): number {
    return this.#session.hello.pid;
  }

  /**
   * Connects to a running balance. One that is shutting down is used only if there is no other.
   *
   * @param at The address that it listens on.
   * @throws {ExitError} If none is running there (69), or if it has an unknown protocol (65) or
   * belongs to another user (77).
   */
  static async connect(at: Endpoint): Promise<ControlClient> {
    const session = await openSession(at);
    if (session === undefined) throw new NoMasterError(await whereItRuns(at));
    return new ControlClient(at, session);
  }

  /**
   * Sends a command and waits for its answer.
   *
   * The server closes sessions that have been idle for long; then the client connects again and
   * returns to its group.
   *
   * @param command One command; newlines in it count as spaces.
   * @param options What to do while the answer comes in parts. After it was abandoned, the client
   * connects again for the next command.
   * @returns `undefined` if the server has exited, or if the answer was abandoned.
   */
  async ask(command: string, options: AskOptions = {}): Promise<Answer | undefined> {
    let answer = await this.#session.ask(command, options);
    for (let attempt = 0; attempt < ATTEMPTS && answer === "unanswered"; attempt++) {
      if (!await this.#reconnect()) break;
      answer = await this.#session.ask(command, options);
    }
    if (answer === "unanswered" || answer === undefined) return undefined;
    this.#group = answer.group;
    return answer;
  }

  /** Connects again, if the same process still answers. */
  async #reconnect(): Promise<boolean> {
    const session = await openSession(this.#at).catch(() => undefined);
    if (session === undefined) return false;
    if (session.hello.pid !== this.pid) {
      session[Symbol.dispose]();
      return false;
    }
    this.#session[Symbol.dispose]();
    this.#session = session;
    if (this.#group === 0) return true;
    const answer = await session.ask(`group ${this.#group}`);
    // If the server has closed this session, too, the caller tries again.
    return answer === "unanswered" || (typeof answer === "object" && !answer.failed);
  }

  [Symbol.dispose](): void {
    this.#session[Symbol.dispose]();
  }
}

/** Opens a session with the balance of an address; `undefined` if there is none. */
async function openSession(at: Endpoint): Promise<FramedSession | undefined> {
  /** Sessions that are not chosen at once: with servers that drain, or that any user could fake. */
  const draining: FramedSession[] = [], claimed = new Map<string, FramedSession>();
  let chosen: FramedSession | undefined;
  try {
    for await (const { conn, path, foreign, ofUser } of connectControl(at)) {
      const session = await greet(conn, path);
      if (session === undefined) continue;
      if (session.hello.stopping) draining.push(session);
      else claimed.set(path, session);
      if (foreign) checkAddress(session.hello, { at, path });
      if (!session.hello.stopping && !ofUser) return chosen = session;
    }
    if (claimed.size > 1) throw ambiguous(at, [...claimed.keys()]);
    return chosen = [...claimed.values()][0] ?? draining[0];
  } finally {
    for (const session of [...draining, ...claimed.values()]) {
      if (session !== chosen) session[Symbol.dispose]();
    }
  }
}

/** Any user can listen on a socket with this name; root must choose. */
function ambiguous({ address, port }: Endpoint, paths: readonly string[]): ExitError {
  const reason = `set BALANCE_RUNDIR to the directory of the right one: ${paths.join(", ")}`;
  return new ExitError(
    withName(`several balances claim to listen on ${address}:${port}: ${reason}`),
    EXIT.noPermission,
  );
}

/** Greets the server, again while it closes the connection; `undefined` if it has exited. */
async function greet(first: Deno.UnixConn, path: string): Promise<FramedSession | undefined> {
  let conn: Deno.UnixConn | undefined = first;
  for (let attempt = 0; conn !== undefined; attempt++) {
    const session = await greetOnce(conn, path);
    if (session !== undefined || attempt === ATTEMPTS) return session;
    await delay(ATTEMPT_MS);
    conn = await connect(path).catch((error) => {
      if (isUnserved(error)) return undefined;
      throw new UnavailableError(withName(`can't control [${path}]: ${systemReason(error)}`));
    });
  }
  return undefined;
}

async function greetOnce(conn: Deno.UnixConn, path: string): Promise<FramedSession | undefined> {
  const opening = FramedSession.open(conn);
  const session = await within(opening.then((opened) => ({ opened })), GREETING_MS);
  if (session === undefined) {
    conn.close();
    throw new UnavailableError(withName(`[${path}] does not answer`));
  }
  const { opened } = session;
  if (opened === undefined) return undefined;
  if (typeof opened === "string") throw new UnavailableError(`${opened}, exiting.`);
  if (isUnderstood(opened.hello)) return opened;
  opened[Symbol.dispose]();
  throw new ReleaseMismatchError(opened.hello.version);
}

/** Another user may have replaced the socket by a link to the socket of another balance. */
function checkAddress(hello: Hello, { at, path }: { at: Endpoint; path: string }): void {
  const { address, port } = hello;
  if (port === undefined || (port === at.port && address === at.address)) return;
  throw new ExitError(
    withName(`can't control [${path}]: it belongs to ${address}:${port}`),
    EXIT.noPermission,
  );
}
