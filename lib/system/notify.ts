import { datagramSender } from "./datagram.ts";

/** Milliseconds that a manager may take to accept a message. */
const PATIENCE_MS = 1000;

/** States that a service manager is told (sd_notify(3)). */
export type ServiceState = "READY=1" | "STOPPING=1";

/**
 * Tells the service manager that started us, if one did (`$NOTIFY_SOCKET`).
 *
 * @param state What is the case now.
 * @returns Resolves when it was told, or there is nobody to tell, or nobody who listens.
 */
export async function notifyManager(state: ServiceState): Promise<void> {
  const path = Deno.env.get("NOTIFY_SOCKET");
  if (!path) return;
  using sender = datagramSender(path, "notify");
  const { promise: late, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, PATIENCE_MS);
  await Promise.race([sender?.send(state), late]);
  clearTimeout(timer);
}
