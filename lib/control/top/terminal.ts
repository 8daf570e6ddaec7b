/** The terminal of the live view: keys, size and other events. */

import type { EventEmitter } from "node:events";
import process from "node:process";
import type { EndSignal } from "../../system/signals.ts";
import type { Size } from "./frame.ts";

/** A signal that ends the live view. SIGINT is the key `ctrl-c`. */
export type TerminalSignal = Exclude<EndSignal, "SIGINT">;

/**
 * What happens to a terminal: `resize`: its size changed; `lost`: another program used it, so
 * everything must be drawn again; `end`: it was closed.
 */
export type TerminalEvent =
  | { readonly type: "key"; readonly name: string }
  | { readonly type: "resize" | "lost" | "end" }
  | { readonly type: "signal"; readonly signal: TerminalSignal };

/** What the live view needs of a terminal. */
export interface Terminal {
  size(): Size;
  /** Writes all of it before it returns. */
  write(text: string): void;
  /** Reports events. Until the result is disposed, only this listener receives keys. */
  listen(onEvent: (event: TerminalEvent) => void): Disposable;
}

/** A key as `node:readline` reports it. */
interface Key {
  readonly name?: string | undefined;
  readonly ctrl?: boolean;
}

/**
 * The terminal of the shell, which `node:readline` reads.
 *
 * Readline keeps reading, in raw mode, and parses keys (`keypress`); while the live view runs, its
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
        listener: (text?: string, key?: Key) => onEvent({ type: "key", name: nameOf(text, key) }),
      });
      // After a change of size, readline would draw its prompt. Here SIGWINCH reports the change.
      takeOver(undo, process.stdout, { event: "resize", listener: () => {} });
      process.stdin.on("end", closed);
      undo.defer(() => {
        process.stdin.off("end", closed);
        closed = () => {};
      });
      const signals: [Deno.Signal, () => void][] = [
        ["SIGWINCH", () => onEvent({ type: "resize" })],
        ["SIGCONT", () => {
          // While the program was stopped, the shell may have changed the mode of the terminal.
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

/** Replaces all listeners of an event until `undo` is disposed. */
function takeOver(
  undo: DisposableStack,
  emitter: EventEmitter,
  { event, listener }: { event: string; listener: Parameters<EventEmitter["on"]>[1] },
): void {
  const others = emitter.listeners(event) as (typeof listener)[];
  emitter.removeAllListeners(event);
  emitter.on(event, listener);
  undo.defer(() => {
    emitter.off(event, listener);
    for (const other of others) emitter.on(event, other);
  });
}

function nameOf(text?: string, key?: Key): string {
  const name = key?.name ?? text ?? "";
  return key?.ctrl ? `ctrl-${name}` : name;
}
