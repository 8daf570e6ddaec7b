import { within } from "../base/within.ts";
import { datagramSender } from "./datagram.ts";

/** Milliseconds to wait for the manager to accept a message. */
const TIMEOUT_MS = 1000;

/** States that are reported to the service manager (sd_notify(3)). */
export type ServiceState = "READY=1" | "STOPPING=1";

/**
 * Reports a state to the service manager, if `$NOTIFY_SOCKET` names one. Never rejects; failures
 * are ignored.
 *
 * @param state The current state.
 */
export async function notifyManager(state: ServiceState): Promise<void> {
  const path = Deno.env.get("NOTIFY_SOCKET");
  if (!path) return;
  using sender = datagramSender(path, "notify");
  if (sender !== undefined) await within(sender.send(state), TIMEOUT_MS);
}
