/** The terminal of the shell: keys, size, modes and signals. */

import { suspendProcess } from "../../native/suspend.ts";
import type { EndSignal } from "../../system/signals.ts";
import { type Key, keyDecoder } from "./keys.ts";

/** Prints all bytes before it returns. */
export type Print = (bytes: Uint8Array) => void;

/** A signal that ends the shell. SIGINT is the key `ctrl-c`. */
export type TerminalSignal = Exclude<EndSignal, "SIGINT">;

/**
 * What happens to a terminal: `resize`: its size changed; `lost`: another program used it, so
 * everything must be drawn again; `end`: it was closed.
 */
export type TerminalEvent =
  | { readonly type: "key"; readonly name: string; readonly text?: string }
  | { readonly type: "resize" | "lost" | "end" }
  | { readonly type: "signal"; readonly signal: TerminalSignal };

/** Size of a screen, in characters. */
export interface Size {
  readonly columns: number;
  readonly rows: number;
}

/** A terminal. */
export interface Terminal {
  size(): Size;
  /** Writes all of it before it returns. */
  write(text: string): void;
  /** Reports events. Until the result is disposed, only this listener receives them. */
  listen(onEvent: (event: TerminalEvent) => void): Disposable;
}

/** The terminal on stdin and stdout. Disposing restores its mode. */
export interface ProgramTerminal extends Terminal, Disposable {
  /** Stops the program until SIGCONT, with the terminal in its normal mode. */
  suspend(): void;
}

/** Milliseconds after which an escape sequence that does not continue is the key Esc. */
const ESCAPE_MS = 100;

/**
 * Opens the terminal on stdin and stdout in raw mode, so that keys such as ^C arrive as bytes.
 *
 * @param print Writes all bytes before it returns.
 */
export function openTerminal(print: Print): ProgramTerminal {
  const encoder = new TextEncoder();
  const listeners: ((event: TerminalEvent) => void)[] = [];
  let open = true, ended = false;
  const report = (event: TerminalEvent) => {
    if (event.type === "end") ended = true;
    listeners.at(-1)?.(event);
  };
  function setRaw(raw: boolean): void {
    try {
      Deno.stdin.setRaw(raw);
    } catch { /* The terminal is closed. */ }
  }
  setRaw(true);
  readKeys((key) => report({ type: "key", ...key })).catch(() => {})
    .finally(() => open && report({ type: "end" }));
  const stopSignals = listenForSignals(report, () => setRaw(true));
  return {
    size() {
      try {
        const { columns, rows } = Deno.consoleSize();
        // A terminal without a size has 0 columns.
        return columns > 0 && rows > 0 ? { columns, rows } : { columns: 80, rows: 24 };
      } catch {
        // The terminal is closed.
        return { columns: 80, rows: 24 };
      }
    },
    write(text) {
      try {
        print(encoder.encode(text));
      } catch {
        // The terminal is closed; an exception would hide why the view ends.
        report({ type: "end" });
      }
    },
    listen(onEvent) {
      listeners.push(onEvent);
      if (ended) onEvent({ type: "end" });
      return {
        [Symbol.dispose]: () => void listeners.splice(listeners.lastIndexOf(onEvent), 1),
      };
    },
    suspend() {
      setRaw(false);
      suspendProcess();
      setRaw(true);
    },
    [Symbol.dispose]() {
      open = false;
      stopSignals();
      setRaw(false);
    },
  };
}

/** Reads keys until the terminal is closed. */
async function readKeys(onKey: (key: Key) => void): Promise<void> {
  const decoder = keyDecoder(), buffer = new Uint8Array(4096);
  let timer: ReturnType<typeof setTimeout> | undefined;
  for (;;) {
    const n = await Deno.stdin.read(buffer);
    clearTimeout(timer);
    if (n === null) return;
    for (const key of decoder.push(buffer.subarray(0, n))) onKey(key);
    if (decoder.pending) timer = setTimeout(() => decoder.flush().forEach(onKey), ESCAPE_MS);
  }
}

/** Reports signals as events. Returns what stops that. */
function listenForSignals(
  report: (event: TerminalEvent) => void,
  onContinue: () => void,
): () => void {
  const signals: [Deno.Signal, () => void][] = [
    ["SIGWINCH", () => report({ type: "resize" })],
    ["SIGCONT", () => {
      // While the program was stopped, the shell may have changed the mode of the terminal.
      onContinue();
      report({ type: "lost" });
    }],
    ["SIGINT", () => report({ type: "key", name: "ctrl-c" })],
    // Ignored, as in other shells; its default action would leave the terminal in raw mode.
    ["SIGQUIT", () => {}],
    ["SIGTERM", () => report({ type: "signal", signal: "SIGTERM" })],
    ["SIGHUP", () => report({ type: "signal", signal: "SIGHUP" })],
  ];
  for (const [signal, listener] of signals) Deno.addSignalListener(signal, listener);
  return () => {
    for (const [signal, listener] of signals) Deno.removeSignalListener(signal, listener);
  };
}
