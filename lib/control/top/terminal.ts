/** The terminal of the live view: keys, size and other events. */

import process from "node:process";
import type { EndSignal } from "../../system/signals.ts";
import type { Size } from "./frame.ts";

/** A signal that ends the live view. SIGINT is the key `ctrl-c`. */
export type TerminalSignal = Exclude<EndSignal, "SIGINT">;

/** What happens to a terminal. */
export type TerminalEvent =
  | { readonly type: "key"; readonly name: string }
  /** Its size changed. */
  | { readonly type: "resize" }
  /** Another program used it: everything must be drawn again. */
  | { readonly type: "lost" }
  /** It was closed. */
  | { readonly type: "end" }
  | { readonly type: "signal"; readonly signal: TerminalSignal };

/** What the live view needs of a terminal. */
export interface Terminal {
  size(): Size;
  /** Writes all of it before it returns. */
  write(text: string): void;
  /** Reports events. Until it is disposed, only this listener receives keys. */
  listen(onEvent: (event: TerminalEvent) => void): Disposable;
}

/** A key as `node:readline` reports it. */
interface Key {
  readonly name?: string | undefined;
  readonly ctrl?: boolean;
  readonly sequence?: string;
}

type Listener = (...args: unknown[]) => void;

/**
 * The terminal of the shell, which `node:readline` reads.
 *
 * It keeps reading, in raw mode, and parses keys (`keypress`); while the live view runs, its own
 * listeners are replaced. So the terminal has one reader, no key is lost in between, and the shell
 * keeps its history.
 *
 * @param print Writes all bytes before it returns.
 */
export function readlineTerminal(print: (bytes: Uint8Array) => void): Terminal {
  const encoder = new TextEncoder();
  let closed = () => {};
  return {
    size() {
      try {
        return Deno.consoleSize();
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
        closed();
      }
    },
    listen(onEvent) {
      closed = () => onEvent({ type: "end" });
      using undo = new DisposableStack();
      takeOver(undo, process.stdin, {
        event: "keypress",
        listener: (text, key) =>
          onEvent({
            type: "key",
            name: nameOf(text as string | undefined, key as Key | undefined),
          }),
      });
      // readline would draw its prompt after a change of size; SIGWINCH reports it here.
      takeOver(undo, process.stdout, { event: "resize", listener: () => {} });
      process.stdin.on("end", closed);
      undo.defer(() => {
        process.stdin.off("end", closed);
        closed = () => {};
      });
      const signals: [Deno.Signal, () => void][] = [
        ["SIGWINCH", () => onEvent({ type: "resize" })],
        ["SIGCONT", () => {
          // After a stop the shell may have changed the mode of the terminal.
          process.stdin.setRawMode?.(true);
          onEvent({ type: "lost" });
        }],
        ["SIGINT", () => onEvent({ type: "key", name: "ctrl-c" })],
        ["SIGTERM", () => onEvent({ type: "signal", signal: "SIGTERM" })],
        ["SIGHUP", () => onEvent({ type: "signal", signal: "SIGHUP" })],
      ];
      for (const [signal, listener] of signals) {
        Deno.addSignalListener(signal, listener);
        undo.defer(() => Deno.removeSignalListener(signal, listener));
      }
      const all = undo.move();
      return { [Symbol.dispose]: () => all.dispose() };
    },
  };
}

/** The part of an event emitter that is used here. */
interface Emitter {
  listeners(event: string): unknown[];
  removeAllListeners(event: string): unknown;
  on(event: string, listener: Listener): unknown;
  off(event: string, listener: Listener): unknown;
}

/** Replaces all listeners of an event until `undo` is disposed. */
function takeOver(
  undo: DisposableStack,
  emitter: unknown,
  { event, listener }: { event: string; listener: Listener },
): void {
  const source = emitter as Emitter;
  const others = source.listeners(event) as Listener[];
  source.removeAllListeners(event);
  source.on(event, listener);
  undo.defer(() => {
    source.off(event, listener);
    for (const other of others) source.on(event, other);
  });
}

function nameOf(text: string | undefined, key: Key | undefined): string {
  const name = key?.name ?? text ?? "";
  return key?.ctrl ? `ctrl-${name}` : name;
}
