import { within } from "../base/within.ts";
import { datagramSender } from "./datagram.ts";

/** Milliseconds to wait for the service manager to accept a message. */
const TIMEOUT_MS = 1000;

/**
 * Reports a state to the service manager (sd_notify(3)) if `$NOTIFY_SOCKET` names one. Never
 * rejects; failures are ignored.
 */
export async function notifyManager(state: "READY=1" | "STOPPING=1"): Promise<void> {
  const path = Deno.env.get("NOTIFY_SOCKET");
  if (!path) return;
  using sender = datagramSender(path, "notify");
  if (sender !== undefined) await within(sender.send(state), TIMEOUT_MS);
}
