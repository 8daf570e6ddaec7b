import { type KnownSignal, wasIgnored } from "../native/signal_actions.ts";
import { hasTerminal } from "../native/terminal.ts";

/** Exit code of a program that a signal ended: 128 plus its number. */
export const SIGNAL_EXIT = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;

/** A signal that ends the program. */
export type EndSignal = keyof typeof SIGNAL_EXIT;

/** Callbacks for signals. */
export interface SignalHandlers {
  /** SIGINT, SIGTERM, and SIGHUP in the foreground with a terminal: stop. */
  readonly end: (signal: EndSignal) => void;
  /** SIGQUIT: print the table. */
  readonly status: () => void;
  /** SIGUSR2: reopen log and dump files. */
  readonly reopen: () => void;
  /** SIGHUP in the background or without a terminal: the same, and read the configuration again. */
  readonly reload: () => void;
}

/** The signals that are caught. Disposing restores their default actions. */
export interface Signals extends Disposable {
  /** Resolves with the first signal that ends the program before {@link handle} is called. */
  readonly early: Promise<EndSignal>;
  /** Sets the handlers. Signals that arrived before are passed to them first, in order. */
  handle(handlers: SignalHandlers): void;
}

/** What determines the meaning of SIGHUP. */
export interface SignalOptions {
  /** Whether the program stays in the foreground. */
  readonly foreground: boolean;
  /** Whether it has a controlling terminal. @default {hasTerminal()} */
  readonly terminal?: boolean;
}

/**
 * Catches signals, except those that were ignored when the program was started: they stay ignored,
 * as nohup(1) and shells require. Call this first, so that a signal during the start is handled,
 * too.
 *
 * SIGHUP stops a program in the foreground whose terminal was closed. In the background and without
 * a terminal, as in a service or a container, it reopens files and reloads.
 */
export function listenForSignals({ foreground, terminal }: SignalOptions): Signals {
  const hangUpEnds = foreground && (terminal ?? hasTerminal());
  const early = Promise.withResolvers<EndSignal>();
  const waiting: ((handlers: SignalHandlers) => void)[] = [];
  let handlers: SignalHandlers | undefined;
  function pass(act: (handlers: SignalHandlers) => void): void {
    if (handlers === undefined) waiting.push(act);
    else act(handlers);
  }
  function end(signal: EndSignal): void {
    if (handlers === undefined) early.resolve(signal);
    pass((handlers) => handlers.end(signal));
  }
  const reopen = () => pass((handlers) => handlers.reopen());
  const reload = () => pass((handlers) => handlers.reload());
  const all: [KnownSignal, () => void][] = [
    ["SIGINT", () => end("SIGINT")],
    ["SIGTERM", () => end("SIGTERM")],
    ["SIGHUP", hangUpEnds ? () => end("SIGHUP") : reload],
    ["SIGQUIT", () => pass((handlers) => handlers.status())],
    ["SIGUSR2", reopen],
  ];
  const listeners = all.filter(([signal]) => !wasIgnored(signal));
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
