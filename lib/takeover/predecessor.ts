/** The running balance that this program takes over (`--takeover`), over its control socket. */

import type { Endpoint } from "../base/endpoint.ts";
import { EXIT, ExitError, UnavailableError, withName } from "../base/errors.ts";
import { printable } from "../base/printable.ts";
import { settlesWithProgress, within } from "../base/within.ts";
import { formatEndpoint } from "../address/host_port.ts";
import { connectControl } from "../control/control_socket.ts";
import { FramedSession } from "../control/framed_session.ts";
import { TAKEOVER, TAKEOVER_VERSION } from "../control/protocol.ts";
import { MAX_STATE_BYTES } from "../state/state_file.ts";
import type { CarriedHealth } from "./carried.ts";
import {
  decodeFromPredecessor,
  encodeMessage,
  type FromPredecessor,
  type FromSuccessor,
} from "./messages.ts";

/**
 * Milliseconds that it may take until some of an answer arrives, and between two parts of it; for the
 * first one, its own predecessor must leave.
 */
const ANSWER_MS = 10_000, FIRST_ANSWER_MS = 300_000;

/** A balance that is being taken over. */
export class Predecessor implements Disposable {
  readonly #session: FramedSession;
  readonly #at: Endpoint;
  /** The health of its channels. */
  readonly health: readonly CarriedHealth[];
  readonly #metrics: Endpoint | undefined;

  private constructor(
    session: FramedSession,
    at: Endpoint,
    { health, metrics }: FromPredecessor & { type: "begun" },
  ) {
    this.#session = session;
    this.#at = at;
    this.health = health;
    this.#metrics = metrics;
  }

  /** Whether it serves metrics at an address. */
  servesMetrics(at: Endpoint | undefined): boolean {
    const own = this.#metrics;
    return own !== undefined && own.address === at?.address && own.port === at.port;
  }

  /** Its process ID. */
  get pid(): number {
    return this.#session.hello.pid;
  }

  /**
   * Begins to take over the balance that listens at an address. If another program already does, or
   * that balance is still taking over itself, it waits for the end of that.
   *
   * @returns Why there is none: then this is an ordinary start.
   * @throws {UnavailableError} If it cannot be taken over now.
   * @throws {ExitError} If it is another user's (77).
   */
  static async find(at: Endpoint): Promise<Predecessor | string> {
    const session = await takeoverSession(at);
    if (typeof session === "string") return session;
    try {
      await session.send(TAKEOVER).catch(() => {});
      const begun = await answer(session, at, { type: "begun", ms: FIRST_ANSWER_MS });
      return new Predecessor(session, at, begun);
    } catch (error) {
      session[Symbol.dispose]();
      throw error;
    }
  }

  /**
   * Makes it steer new connections to its own socket.
   *
   * @throws {UnavailableError} If it does not.
   */
  async steer(): Promise<Omit<FromPredecessor & { type: "steered" }, "type">> {
    await this.#send({ type: "listen" });
    return await answer(this.#session, this.#at, { type: "steered" });
  }

  /**
   * Makes it steer new connections to this program, which listens and is ready.
   *
   * @throws {UnavailableError} If it does not.
   */
  async commit(about: Omit<FromSuccessor & { type: "commit" }, "type">): Promise<void> {
    await this.#send({ type: "commit", ...about });
    await answer(this.#session, this.#at, { type: "committed" });
  }

  /**
   * Reports that this program serves. Waits for the answer without a limit: otherwise both might
   * serve.
   *
   * @returns Whether it leaves, or is gone. If not, this program was too late, and it serves again.
   */
  async serving(): Promise<boolean> {
    await this.#send({ type: "serving" });
    const line = await this.#session.receive(MAX_STATE_BYTES);
    return line === undefined || decodeFromPredecessor(line)?.type !== "refused";
  }

  /** Reports that this program shuts down, so that the other one does not serve again. */
  async stopping(): Promise<void> {
    await this.#send({ type: "stopping" });
  }

  /**
   * Resolves when it no longer listens, or is gone. It has no time limit: as long as its socket
   * listens, the numbers count.
   */
  async left(): Promise<void> {
    await this.#session.receive(MAX_STATE_BYTES);
    this[Symbol.dispose]();
  }

  /** Ends the session. Before {@link commit}, the other program goes on as if nothing had happened. */
  [Symbol.dispose](): void {
    this.#session[Symbol.dispose]();
  }

  async #send(message: FromSuccessor): Promise<void> {
    // That it is gone shows in the answer.
    await this.#session.send(encodeMessage(message)).catch(() => {});
  }
}

/**
 * A session with a balance that can be taken over, without any effect on it yet. The caller owns it.
 *
 * @returns Why there is none; it throws as {@linkcode Predecessor.find} does.
 */
export async function takeoverSession(at: Endpoint): Promise<FramedSession | string> {
  const session = await sessionAt(at);
  if (typeof session === "string") return session;
  const { takeover, stopping, version } = session.hello;
  if (takeover === TAKEOVER_VERSION && !stopping) return session;
  session[Symbol.dispose]();
  return stopping
    ? "the running balance is shutting down"
    : `the running balance (version ${version}) cannot be taken over`;
}

/** A session with the balance at an address, or why there is none. */
async function sessionAt(at: Endpoint): Promise<FramedSession | string> {
  for await (const { conn, foreign, path } of connectControl(at)) {
    if (foreign) {
      conn.close();
      const owner = `[${path}] belongs to another user, and only that user can take it over`;
      throw new ExitError(withName(owner), EXIT.noPermission);
    }
    const session = await within(FramedSession.open(conn), ANSWER_MS);
    if (session instanceof FramedSession) return session;
    if (typeof session === "string") throw failed(at, session);
    try {
      conn.close();
    } catch { /* closed already */ }
  }
  return `no balance runs on ${formatEndpoint(at)}`;
}

async function answer<Type extends FromPredecessor["type"]>(
  session: FramedSession,
  at: Endpoint,
  { type, ms = ANSWER_MS }: { type: Type; ms?: number },
): Promise<FromPredecessor & { type: Type }> {
  const receiving = session.receive(MAX_STATE_BYTES), left = () => -session.receivedBytes;
  const line = await settlesWithProgress(receiving, left, { patienceMs: ms })
    ? await receiving
    : undefined;
  const message = line === undefined ? undefined : decodeFromPredecessor(line);
  if (message?.type === type) return message as FromPredecessor & { type: Type };
  if (message?.type === "refused") throw failed(at, message.reason);
  throw failed(at, line === undefined ? "it does not answer" : "its answer is invalid");
}

function failed(at: Endpoint, reason: string): UnavailableError {
  const what = `can't take over the balance on ${formatEndpoint(at)}`;
  return new UnavailableError(withName(`${what}: ${printable(reason)}`));
}
