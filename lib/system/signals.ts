/** Exit code of a program that a signal ended: 128 plus its number. */
export const SIGNAL_EXIT = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;

/** A signal that ends the program. */
export type EndSignal = keyof typeof SIGNAL_EXIT;

/** Callbacks for signals. */
export interface SignalHandlers {
  /** SIGINT, SIGTERM, and SIGHUP in the foreground: stop. */
  readonly end: (signal: EndSignal) => void;
  /** SIGUSR1: print the table. */
  readonly status: () => void;
  /** SIGUSR2, and SIGHUP in the background: reopen log and dump files. */
  readonly reopen: () => void;
}

/** The signals that are caught. Disposing restores their default actions. */
export interface Signals extends Disposable {
  /** Resolves with the first signal that ends the program before {@link handle} is called. */
  readonly early: Promise<EndSignal>;
  /** Sets the handlers. Signals that arrived before are passed to them first, in order. */
  handle(handlers: SignalHandlers): void;
}

/**
 * Catches signals. Call this first, so that a signal during the start is handled, too, and because
 * Deno panics if there is no free file descriptor for its first signal listener.
 *
 * @param foreground Whether SIGHUP stops the program; in the background it reopens files.
 */
export function listenForSignals({ foreground }: { foreground: boolean }): Signals {
  const early = Promise.withResolvers<EndSignal>();
  const waiting: ((handlers: SignalHandlers) => void)[] = [];
  let handlers: SignalHandlers | undefined;
  function pass(act: (handlers: SignalHandlers) => void): void {
    if (handlers === undefined) waiting.push(act);
    else act(handlers);
  }
  function end(signal: EndSignal): void {
    if (handlers === undefined) early.resolve(signal);
    const reopens = signal === "SIGHUP" && !foreground;
    pass((handlers) => reopens ? handlers.reopen() : handlers.end(signal));
  }
  const listeners: [Deno.Signal, () => void][] = [
    ["SIGINT", () => end("SIGINT")],
    ["SIGTERM", () => end("SIGTERM")],
    ["SIGHUP", () => end("SIGHUP")],
    ["SIGUSR1", () => pass((handlers) => handlers.status())],
    ["SIGUSR2", () => pass((handlers) => handlers.reopen())],
  ];
  for (const [signal, listener] of listeners) Deno.addSignalListener(signal, listener);
  return {
    early: early.promise,
    handle(given) {
      handlers = given;
      for (const act of waiting.splice(0)) act(given);
    },
    [Symbol.dispose]() {
      for (const [signal, listener] of listeners) Deno.removeSignalListener(signal, listener);
    },
  };
}
