/** The terminal of the live view: its keys, its size, and what else happens to it. */

import process from "node:process";
import type { Size } from "./frame.ts";

/** A signal that ends the program. */
export type EndSignal = "SIGTERM" | "SIGHUP";

/** What happens to a terminal. */
export type TerminalEvent =
  | { readonly type: "key"; readonly name: string }
  /** Its size has changed. */
  | { readonly type: "resize" }
  /** Something else was on it: all must be drawn again. */
  | { readonly type: "lost" }
  /** It is gone. */
  | { readonly type: "end" }
  | { readonly type: "signal"; readonly signal: EndSignal };

/** What the live view needs of a terminal. */
export interface Terminal {
  size(): Size;
  /** Writes all, at once. */
  write(text: string): void;
  /** Tells what happens; until it is disposed, keys belong to the listener alone. */
  listen(onEvent: (event: TerminalEvent) => void): Disposable;
}

/** What `node:readline` says about a key. */
interface Key {
  readonly name?: string | undefined;
  readonly ctrl?: boolean;
  readonly sequence?: string;
}

type Listener = (...args: unknown[]) => void;

/**
 * The terminal on which the shell's `node:readline` is working.
 *
 * That one keeps the terminal raw and takes keys apart (`keypress`); its listeners are put aside
 * meanwhile. Thus there is one reader of the terminal, no key is lost between the two, and the
 * shell goes on with its history as if nothing had been.
 *
 * @param print Writes bytes, whole and at once.
 */
export function readlineTerminal(print: (bytes: Uint8Array) => void): Terminal {
  const encoder = new TextEncoder();
  let gone = () => {};
  return {
    size() {
      try {
        return Deno.consoleSize();
      } catch {
        // It has just gone.
        return { columns: 80, rows: 24 };
      }
    },
    write(text) {
      try {
        print(encoder.encode(text));
      } catch {
        // Nobody is there to be shown anything; an exception would hide why.
        gone();
      }
    },
    listen(onEvent) {
      gone = () => onEvent({ type: "end" });
      using undo = new DisposableStack();
      takeOver(undo, process.stdin, {
        event: "keypress",
        listener: (text, key) =>
          onEvent({
            type: "key",
            name: nameOf(text as string | undefined, key as Key | undefined),
          }),
      });
      // Otherwise readline draws its prompt when the size changes; we hear of that by the signal.
      takeOver(undo, process.stdout, { event: "resize", listener: () => {} });
      process.stdin.on("end", gone);
      undo.defer(() => {
        process.stdin.off("end", gone);
        gone = () => {};
      });
      const signals: [Deno.Signal, () => void][] = [
        ["SIGWINCH", () => onEvent({ type: "resize" })],
        ["SIGCONT", () => {
          // Whoever stopped us has had the terminal as he likes it.
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

/** The part of an event emitter that is used. */
interface Emitter {
  listeners(event: string): unknown[];
  removeAllListeners(event: string): unknown;
  on(event: string, listener: Listener): unknown;
  off(event: string, listener: Listener): unknown;
}

/** Listens in the place of whoever has listened so far. */
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
