import { datagramSender } from "./datagram.ts";

/** States that a service manager is told (sd_notify(3)). */
export type ServiceState = "READY=1" | "STOPPING=1";

/**
 * Tells the service manager that started us, if one did (`$NOTIFY_SOCKET`).
 *
 * @param state What is the case now.
 * @returns Resolves when it was told, or there is nobody to tell.
 */
export async function notifyManager(state: ServiceState): Promise<void> {
  const path = Deno.env.get("NOTIFY_SOCKET");
  if (!path) return;
  using sender = datagramSender(path, "notify");
  await sender?.send(state);
}
