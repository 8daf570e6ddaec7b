/** The start of a program that takes over a running one (`--takeover`), step by step. */

import { delay } from "@std/async/delay";
import { formatEndpoint } from "../address/host_port.ts";
import type { Endpoint } from "../base/endpoint.ts";
import { messageOf, UnavailableError, withName } from "../base/errors.ts";
import type { Options } from "../cli/options.ts";
import type { ControlListener } from "../control/control_listener.ts";
import type { Health } from "../health/health.ts";
import { steeringAt } from "../reuseport/steering.ts";
import type { Table } from "../table/table.ts";
import { applyGroups, applyHealth, type CarriedParts } from "../takeover/carried.ts";
import { Predecessor } from "../takeover/predecessor.ts";
import type { Entrance } from "../workers/start_plane.ts";
import { joinEntrance, type Serving } from "./listen.ts";
import type { OperatorStateControl } from "./operator_state.ts";
import { type PidFile, writePidFile } from "./pid_file.ts";

/** Milliseconds that waiting clients may take to be accepted, and between two looks at them. */
const EMPTIED_MS = 2000, LOOK_MS = 10;

/** What starts beside the predecessor. */
export interface JoiningParts extends CarriedParts {
  readonly predecessor: Predecessor;
  /** The address to listen on, and that of the metrics. */
  readonly at: Endpoint;
  readonly metrics: Endpoint | undefined;
  readonly by: Serving;
  readonly table: Table;
  readonly health: Health;
  readonly state: OperatorStateControl;
}

/** Listening sockets of a program: all its workers share one. */
const SOCKETS = 1;

/** See the top of the file. */
export class Joining {
  readonly #parts: JoiningParts;
  readonly #left = Promise.withResolvers<void>();

  constructor(parts: JoiningParts) {
    this.#parts = parts;
  }

  /** Resolves when the predecessor no longer listens. */
  get left(): Promise<void> {
    return this.#left.promise;
  }

  /** The process ID of the predecessor. */
  get pid(): number {
    return this.#parts.predecessor.pid;
  }

  /**
   * Listens, when everything else is ready. The predecessor still gets all connections.
   *
   * @throws {ExitError} If that does not work; the predecessor continues.
   */
  async open(): Promise<Entrance> {
    const { predecessor, state, at, by } = this.#parts;
    const { operator, groups } = await predecessor.steer();
    state.apply(operator, "takeover");
    applyGroups(this.#parts, groups);
    return joinEntrance(at, by);
  }

  /**
   * Takes over: from now on, all new connections are those of this program.
   *
   * @throws {ExitError} If that does not work; the predecessor continues.
   */
  async commit(): Promise<void> {
    const { predecessor, at, metrics } = this.#parts;
    const expected = 2 * SOCKETS, found = steeringAt(at)?.all();
    if (found !== expected) {
      const reason = `${found ?? "no"} sockets listen there instead of ${expected}: ` +
        "it runs in another network namespace, or another program listens there, too";
      throw new UnavailableError(withName(`can't take over: ${reason}`));
    }
    await predecessor.commit({ metrics, pid: Deno.pid });
  }

  /** The error if this program was too slow, and its predecessor serves again. */
  late(): UnavailableError {
    const { at } = this.#parts;
    const what = `can't take over the balance on ${formatEndpoint(at)}`;
    return new UnavailableError(
      withName(`${what}: this program was too slow, and it serves again`),
    );
  }

  /**
   * Answers on the control socket of the predecessor from now on, and takes over its files.
   *
   * @returns The file of `--pid-file`; `"late"` if the predecessor serves again.
   */
  async serving(
    control: ControlListener,
    { pidFile }: Pick<Options, "pidFile">,
    notice: (line: string) => void,
  ): Promise<PidFile | undefined | "late"> {
    if (!await this.#parts.predecessor.serving()) {
      await this.#emptied();
      return "late";
    }
    void this.#whenLeft();
    await control.succeed();
    try {
      await this.#parts.state.begin();
      return pidFile === undefined ? undefined : writePidFile(pidFile);
    } catch (error) {
      // It was checked before; now there is no way back.
      notice(messageOf(error));
      return undefined;
    }
  }

  /** Reports to the predecessor, if it still listens, that this program shuts down. */
  async stopping(): Promise<void> {
    await this.#parts.predecessor.stopping();
  }

  /** Waits a moment until those are accepted that have connected here meanwhile. */
  async #emptied(): Promise<void> {
    const steering = steeringAt(this.#parts.at), end = performance.now() + EMPTIED_MS;
    do await delay(LOOK_MS); while (steering?.queued() !== 0 && performance.now() < end);
  }

  async #whenLeft(): Promise<void> {
    const { predecessor, at, metrics } = this.#parts, steering = steeringAt(at);
    await predecessor.left();
    // It may have been killed, or its runtime closes them a moment later.
    await steering?.untilAll(SOCKETS);
    steering?.release();
    const others = metrics && steeringAt(metrics);
    await others?.untilAll(1);
    others?.release();
    this.#left.resolve();
  }
}

/**
 * Finds the predecessor. Without one, this is an ordinary start.
 *
 * @throws {ExitError} If it cannot be taken over.
 */
export async function findPredecessor(
  at: Endpoint,
  notice: (line: string) => void,
): Promise<Predecessor | undefined> {
  if (steeringAt(at) === undefined) {
    const reason = "needs Linux, the C library, and the permission to call it";
    throw new UnavailableError(withName(`--takeover ${reason}`));
  }
  const found = await Predecessor.find(at);
  if (typeof found !== "string") return found;
  notice(withName(`nothing to take over, starting as usual: ${found}`));
  return undefined;
}

/** Channels continue with the health that they had. Call this before their checks are opened. */
export function carryHealth(
  parts: CarriedParts,
  predecessor: Predecessor | undefined,
): CarriedDown {
  const down = predecessor === undefined ? [] : applyHealth(parts, predecessor.health);
  return {
    resume(health) {
      // Those without a check get another attempt after a while.
      for (const { group, channel } of down) {
        const generation = parts.table.generation(group, channel);
        health.backendEvent({ kind: "down", group, channel, generation, text: "" });
      }
    },
  };
}

/** Channels that were down. */
interface CarriedDown {
  /** Lets time pass for them. */
  resume(health: Health): void;
}
