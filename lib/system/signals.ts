/** Exit code of a program that a signal ended: 128 plus its number. */
export const SIGNAL_EXIT = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;

/** A signal that ends the program. */
export type EndSignal = keyof typeof SIGNAL_EXIT;

/** What is done about signals. */
export interface SignalHandlers {
  /** Those that end the program. */
  readonly end: (signal: EndSignal) => void;
  /** SIGUSR1, which asks how it is. */
  readonly status: () => void;
  /** SIGUSR2, which asks to open logs again. */
  readonly reopen: () => void;
}

/** Signals that are listened for. */
export interface Signals extends Disposable {
  /** Resolves with the first signal that ends the program while nobody handles them. */
  readonly early: Promise<EndSignal>;
  /** Hands signals over from now on, those that came before first. */
  handle(handlers: SignalHandlers): void;
}

/**
 * Listens for signals, from the very start: one that comes while the program is still starting
 * ends it in order too. Besides, the runtime panics when its first use of signals meets a
 * process that has no free descriptor.
 *
 * @returns To be disposed, so that signals do again what they do by default.
 */
export function listenForSignals(): Signals {
  const early = Promise.withResolvers<EndSignal>();
  let handlers: SignalHandlers | undefined;
  const waiting: ((handlers: SignalHandlers) => void)[] = [];
  function hand(act: (handlers: SignalHandlers) => void): void {
    if (handlers !== undefined) act(handlers);
    else waiting.push(act);
  }
  function end(signal: EndSignal): void {
    if (handlers === undefined) early.resolve(signal);
    hand((handlers) => handlers.end(signal));
  }
  const listeners: [Deno.Signal, () => void][] = [
    ["SIGINT", () => end("SIGINT")],
    ["SIGTERM", () => end("SIGTERM")],
    ["SIGHUP", () => end("SIGHUP")],
    ["SIGUSR1", () => hand((handlers) => handlers.status())],
    ["SIGUSR2", () => hand((handlers) => handlers.reopen())],
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
