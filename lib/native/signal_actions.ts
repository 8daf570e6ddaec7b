/** Signals that are ignored: SIGUSR1, and those that were when the process was started. */

import { cLibrary } from "./c_library.ts";
import { fixed } from "./memory.ts";

const DARWIN = Deno.build.os === "darwin";
const NUMBERS = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGTERM: 15,
  SIGUSR1: DARWIN ? 30 : 10,
  SIGUSR2: DARWIN ? 31 : 12,
} as const;
const SIG_DFL = 0n, SIG_IGN = 1n;

/** A signal with a known number. */
export type KnownSignal = keyof typeof NUMBERS;

/** The handler of a signal: {@link SIG_DFL}, {@link SIG_IGN}, or the address of a function. */
function handlerOf(signal: KnownSignal): bigint | undefined {
  const action = fixed(1024); // struct sigaction; the handler is its first member
  if (cLibrary()?.sigaction(NUMBERS[signal], 0n, action) !== 0) return undefined;
  return new BigUint64Array(action.buffer)[0];
}

/** `ignored late`: after Deno had set its handlers, so that they may have been called. */
let debuggerSignal: "ignored" | "ignored late" | "not ignored" = "not ignored";
let ignoredAtStart: readonly KnownSignal[] = [];

/** Whether a signal was ignored when the process was started, for example by nohup(1). */
export function wasIgnored(signal: KnownSignal): boolean {
  return ignoredAtStart.includes(signal);
}

/**
 * Ignores SIGUSR1 permanently, and remembers which signals were ignored at the start. Call this
 * before any listener is added.
 *
 * Deno sets its own handler for a signal when the first listener is added, not again for later ones,
 * and not for those of the runtime itself. So a listener is added first, and the handler is replaced
 * after that. The first listener of all also makes Deno handle SIGHUP, SIGINT and SIGTERM, even if
 * they were ignored.
 */
export function ignoreDebugger(): void {
  const signals = Object.keys(NUMBERS) as KnownSignal[];
  ignoredAtStart = signals.filter((signal) => handlerOf(signal) === SIG_IGN);
  const before = handlerOf("SIGUSR1") ?? SIG_DFL;
  Deno.addSignalListener("SIGUSR1", () => {});
  for (const signal of new Set<KnownSignal>(["SIGUSR1", ...ignoredAtStart])) {
    cLibrary()?.signal(NUMBERS[signal], SIG_IGN);
  }
  const isLate = before !== SIG_DFL && before !== SIG_IGN;
  debuggerSignal = handlerOf("SIGUSR1") !== SIG_IGN
    ? "not ignored"
    : isLate
    ? "ignored late"
    : "ignored";
}

/** The result of {@link ignoreDebugger}; always `not ignored` without the C library. */
export function stateOfDebuggerSignal(): typeof debuggerSignal {
  return debuggerSignal;
}
