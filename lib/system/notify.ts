/** What a service manager, for example systemd, gets from balance, and passes to it. */

import { UnavailableError, withName } from "../base/errors.ts";
import { within } from "../base/within.ts";
import { cLibrary } from "../native/c_library.ts";
import { datagramSender } from "./datagram.ts";
import { ACTIVATION_VARIABLES } from "./permissions.ts";

/** Milliseconds to wait for the service manager to accept a message. */
const TIMEOUT_MS = 1000;

/** Sends messages to the service manager. */
export interface Notifier extends Disposable {
  /**
   * Sends assignments such as `READY=1` in one message. Resolves when it is accepted, or after a
   * second. Never rejects; failures are ignored.
   */
  notify(...assignments: string[]): Promise<void>;
  /** Whether a message is not accepted yet. */
  readonly busy: boolean;
}

/**
 * Opens a sender of messages to the service manager (sd_notify(3)).
 *
 * @returns `undefined` if `$NOTIFY_SOCKET` names none, or nothing can be sent.
 */
export function openNotifier(): Notifier | undefined {
  const path = Deno.env.get("NOTIFY_SOCKET");
  const sender = path ? datagramSender(path, "notify") : undefined;
  let sending = 0;
  return sender && {
    async notify(...assignments) {
      sending++;
      const sent = sender.send(assignments.join("\n")).finally(() => sending--);
      await within(sent, TIMEOUT_MS);
    },
    get busy() {
      return sending > 0;
    },
    [Symbol.dispose]: () => sender[Symbol.dispose](),
  };
}

const CLOCK_MONOTONIC = 1;

/**
 * The time of the clock CLOCK_MONOTONIC in microseconds. Without the C library, that of the system's
 * start, rounded up: the manager only wants it to be later than its request.
 */
export function monotonicMicroseconds(): bigint {
  const time = new BigInt64Array(2); // struct timespec
  if (cLibrary()?.clock_gettime(CLOCK_MONOTONIC, time) === 0) {
    const [seconds = 0n, nanoseconds = 0n] = time;
    return seconds * 1_000_000n + nanoseconds / 1000n;
  }
  return BigInt(Math.ceil(Deno.osUptime()) + 1) * 1_000_000n;
}

/**
 * Refuses a start by a socket unit of systemd (sd_listen_fds(3)): balance opens its address itself,
 * which that unit occupies.
 *
 * @throws {UnavailableError} If this process was given sockets.
 */
export function refuseActivation(): void {
  const [sockets = "", pid = ""] = ACTIVATION_VARIABLES.map(readable);
  // A child of the program that was given them has the variables, too.
  if (Number(pid) !== Deno.pid || !(Number(sockets) > 0)) return;
  const what = `socket activation is not supported (LISTEN_FDS=${sockets})`;
  throw new UnavailableError(
    withName(`${what}: disable the socket unit, balance opens its address`),
  );
}

/** A variable; without the permission to read it, it counts as unset. */
function readable(name: string): string | undefined {
  try {
    return Deno.env.get(name);
  } catch {
    return undefined;
  }
}
