/** The running balance when a successor takes over (`--takeover`). */

import { delay } from "@std/async/delay";
import type { Endpoint } from "../base/endpoint.ts";
import { settlesWithin, within } from "../base/within.ts";
import type { HandoverHost, LineSession } from "../control/handover_host.ts";
import { isRunning } from "../native/process.ts";
import { type Steering, steeringAt } from "../reuseport/steering.ts";
import type { ChangeGate } from "../state/change_gate.ts";
import type { DataPlane } from "../workers/data_plane.ts";
import {
  decodeFromSuccessor,
  encodeMessage,
  type FromPredecessor,
  type FromSuccessor,
} from "./messages.ts";

/**
 * Milliseconds that a socket still accepts after new connections were steered to others: in some of
 * them, the handshake is still under way.
 */
const HANDSHAKE_MS = 1000;
/**
 * Milliseconds that the successor may take until it listens (it checks all channels before), until it
 * has applied what it got, and until it serves. Then this program goes on without it.
 */
const LISTEN_MS = 300_000, COMMIT_MS = 60_000, SERVING_MS = 10_000;
/** Milliseconds that commands which are running may take to end; the successor waits for that. */
const COMMANDS_MS = 5000;
/** Milliseconds between two looks whether all clients that wait were accepted. */
const LOOK_MS = 10;

/** The numbers of the sockets of both programs, of which each has one. */
const OWN = 0, OTHER = 1;

/** What a handover needs from the program. */
export interface HandoverParts {
  /** The address that balance listens on, and that of its metrics. */
  readonly at: Endpoint;
  readonly metrics: Endpoint | undefined;
  readonly plane: Pick<DataPlane, "stop">;
  /** Resolves when the own predecessor, if there was one, no longer listens. */
  readonly ready: Promise<void>;
  /** Closed from the moment at which the successor gets what operators have changed. */
  readonly gate: Pick<ChangeGate, "close" | "open" | "retire">;
  /** `--grace` in milliseconds. */
  readonly graceMs: number;
  /** Whether the program shuts down. */
  readonly isStopping: () => boolean;
  /** What the successor gets. */
  readonly begun: () => Omit<FromPredecessor & { type: "begun" }, "type">;
  readonly steered: () => Omit<FromPredecessor & { type: "steered" }, "type">;
  /** The successor gets all new connections. */
  readonly committed: (pid: number) => Promise<void>;
  /** This program continues. @param reason Why, for the operator. */
  readonly resumed: (reason: string) => Promise<void>;
  /**
   * The program leaves.
   *
   * @param leave Stops listening; not called if a shutdown has closed them.
   */
  readonly retire: (leave: () => Promise<void>, pid: number) => Promise<void>;
}

/** A running handover, and whether there is one. */
export type Handover = HandoverHost;

/** Waits for successors. */
export function openHandover(parts: HandoverParts): Handover {
  const state = { busy: false, committed: false };
  return {
    get isCommitted() {
      return state.committed;
    },
    async serve(session) {
      const steering = steeringAt(parts.at);
      const reason = refusal(parts, state.busy, steering);
      const talk = new Talk(session);
      if (reason !== undefined || steering === undefined) {
        return await talk.send({ type: "refused", reason: reason ?? "" });
      }
      state.busy = true;
      try {
        await new Leaving(parts, steering, talk, state).run();
      } finally {
        state.busy = state.committed;
      }
    },
  };
}

function refusal(
  { isStopping }: HandoverParts,
  busy: boolean,
  steering: Steering | undefined,
): string | undefined {
  if (busy) return "another takeover of this balance is in progress";
  if (isStopping()) return "it is shutting down";
  return steering === undefined ? "it runs without the C library" : undefined;
}

/** The messages of a session. */
class Talk {
  /** The next message; `undefined` at the end of the session. */
  #next: Promise<FromSuccessor | undefined>;
  readonly #session: LineSession;
  /** Whether the successor has ended the session. */
  isOver = false;

  constructor(session: LineSession) {
    this.#session = session;
    this.#next = this.#read();
  }

  /** The next message, which stays the next one; `undefined` at the end of the session. */
  peek(): Promise<FromSuccessor | undefined> {
    return this.#next;
  }

  /** Takes the next message if it has this type and arrives within this many milliseconds. */
  async take<Type extends FromSuccessor["type"]>(
    type: Type,
    ms: number,
  ): Promise<FromSuccessor & { type: Type } | undefined> {
    const message = await within(this.#next, ms);
    if (message?.type !== type) return undefined;
    this.#next = this.#read();
    return message as FromSuccessor & { type: Type };
  }

  async send(message: FromPredecessor): Promise<void> {
    await this.#session.send(`${encodeMessage(message)}\n`);
  }

  async #read(): Promise<FromSuccessor | undefined> {
    const { value } = await this.#session.lines.next().catch(() => ({ value: undefined }));
    const message = typeof value === "string" ? decodeFromSuccessor(value) : undefined;
    this.isOver = message === undefined;
    return message;
  }
}

/** One takeover. */
class Leaving {
  readonly #parts: HandoverParts;
  readonly #steering: Steering;
  readonly #talk: Talk;
  readonly #state: { committed: boolean };

  constructor(
    parts: HandoverParts,
    steering: Steering,
    talk: Talk,
    state: { committed: boolean },
  ) {
    this.#parts = parts;
    this.#steering = steering;
    this.#talk = talk;
    this.#state = state;
  }

  async run(): Promise<void> {
    const { ready, metrics, begun, isStopping } = this.#parts, talk = this.#talk;
    // Before it has an answer, it sends nothing: a message is the end of the session. It does not wait
    // forever, so this needs no limit.
    const isReady = await Promise.race([ready.then(() => true), talk.peek().then(() => false)]);
    if (!isReady || isStopping()) return;
    // The successor listens for requests for metrics long before it serves.
    if (metrics !== undefined) steeringAt(metrics)?.steer(OWN);
    await talk.send({ type: "begun", ...begun() });
    if (await talk.take("listen", LISTEN_MS) === undefined || isStopping()) return;
    try {
      await this.#steer();
    } finally {
      if (!this.#state.committed) this.#parts.gate.open();
    }
  }

  async #steer(): Promise<void> {
    const { gate, steered, isStopping } = this.#parts, talk = this.#talk;
    // What a command changed after that would be lost.
    if (!await settlesWithin(gate.close(), COMMANDS_MS)) {
      return await talk.send({ type: "refused", reason: "a command of an operator is running" });
    }
    if (!this.#steering.steer(OWN)) {
      return await talk.send({ type: "refused", reason: "its connections cannot be steered" });
    }
    await talk.send({ type: "steered", ...steered() });
    const commit = await talk.take("commit", COMMIT_MS);
    if (commit !== undefined && !isStopping()) await this.#handOver(commit);
  }

  async #handOver(commit: FromSuccessor & { type: "commit" }): Promise<void> {
    const { committed, gate, retire } = this.#parts, talk = this.#talk, { pid } = commit;
    const metrics = this.#metricsSteering(commit);
    this.#steering.steer(OTHER);
    metrics?.steer(OTHER);
    this.#state.committed = true;
    await committed(pid);
    await talk.send({ type: "committed" }).catch(() => {});
    if (!await this.#isServing()) {
      const isDead = !isRunning(pid);
      await this.#takeBack(isDead ? "has died" : "does not serve", metrics);
      return await talk.send({ type: "refused", reason: "it serves again" }).catch(() => {});
    }
    await talk.send({ type: "retiring" }).catch(() => {});
    // After `stopping`, which stays the next message, the session is never over.
    const isDead = () => talk.isOver && !isRunning(pid);
    await this.#emptied({ metrics, unless: isDead });
    if (isDead()) return await this.#takeBack("has died", metrics);
    gate.retire(pid);
    await retire(() => this.#leave(), pid);
    await talk.send({ type: "left" }).catch(() => {});
  }

  /** Waits until the successor serves, or shuts down on request: then, too, this program leaves. */
  async #isServing(): Promise<boolean> {
    if (await this.#talk.take("serving", SERVING_MS) !== undefined) return true;
    return (await within(this.#talk.peek(), 0))?.type === "stopping";
  }

  /** New connections are those of this program again. @param what Why: what the successor does. */
  async #takeBack(
    what: string,
    metrics: Steering | undefined,
  ): Promise<void> {
    this.#steering.steer(OWN);
    metrics?.steer(OWN);
    this.#state.committed = false;
    await this.#parts.resumed(`the successor ${what}, this program continues`);
  }

  /** Steers requests for metrics, if both serve them at the same address. */
  #metricsSteering({ metrics }: FromSuccessor & { type: "commit" }): Steering | undefined {
    const own = this.#parts.metrics;
    const isSame = own !== undefined && own.address === metrics?.address &&
      own.port === metrics.port;
    const steering = isSame ? steeringAt(own) : undefined;
    return steering?.all() === 2 ? steering : undefined;
  }

  /** Resolves when all clients are accepted that this program gets, or when `unless` holds. */
  async #emptied(
    { metrics, unless = () => false }: { metrics?: Steering | undefined; unless?: () => boolean } =
      {},
  ): Promise<void> {
    const start = performance.now(),
      queued = () => this.#steering.queued() + (metrics?.queued() ?? 0);
    for (let ms = 0; ms < HANDSHAKE_MS + this.#parts.graceMs; ms = performance.now() - start) {
      if (unless() || (ms >= HANDSHAKE_MS && queued() === 0)) return;
      await delay(LOOK_MS);
    }
  }

  /** Stops listening. */
  async #leave(): Promise<void> {
    const all = this.#steering.all() ?? 0;
    await this.#parts.plane.stop();
    // The runtime may close the socket a moment later.
    await this.#steering.untilAll(all - 1);
  }
}
