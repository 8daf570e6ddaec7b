/** Exit code of a program that a signal ended: 128 plus its number. */
export const SIGNAL_EXIT = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;

/** A signal that ends the program. */
export type EndSignal = keyof typeof SIGNAL_EXIT;

/**
 * Listens for signals: those that end the program, SIGUSR1 that asks how it is, and SIGUSR2 that
 * asks to open logs again.
 *
 * To be called at start: the runtime panics when its first use of signals meets a process that
 * has no free descriptor (PLATFORM.md section 9).
 *
 * @param handlers Told about them.
 * @returns Stops listening.
 */
export function onSignals(
  handlers: { end: (signal: EndSignal) => void; status: () => void; reopen: () => void },
): () => void {
  const listeners: [Deno.Signal, () => void][] = [
    ["SIGINT", () => handlers.end("SIGINT")],
    ["SIGTERM", () => handlers.end("SIGTERM")],
    ["SIGHUP", () => handlers.end("SIGHUP")],
    ["SIGUSR1", () => handlers.status()],
    ["SIGUSR2", () => handlers.reopen()],
  ];
  for (const [signal, listener] of listeners) Deno.addSignalListener(signal, listener);
  return () => {
    for (const [signal, listener] of listeners) Deno.removeSignalListener(signal, listener);
  };
}
