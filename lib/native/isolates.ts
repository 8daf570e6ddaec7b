/**
 * What the main isolate does for isolates that wait in system calls (the epoll engine): wakes them,
 * sees whether their threads live, and closes what a dead one has left open. Only for Linux.
 */

import { cLibraries, type CLibrary, cLibrary } from "./c_library.ts";
import { cString, fixed } from "./memory.ts";

/** `EFD_CLOEXEC | EFD_NONBLOCK`, eventfd(2). */
const FLAGS = 0o2000000 | 0o4000;
/** `F_OK`, access(2). */
const EXISTS = 0;
/** Longer than the target of /proc/thread-self, `PID/task/TID`. */
const LINK_BYTES = 64;

/** An eventfd(2), which wakes the isolate that waits for it. */
export interface Wakeup {
  /** Its file descriptor. */
  readonly descriptor: number;
  /** Makes it readable. Call this after each message to the isolate. */
  wake(): void;
  /** Closes it. Nothing may wait for it any more. */
  close(): void;
}

/**
 * Opens an eventfd.
 *
 * @returns `undefined` without the C library, and if no file descriptor is free.
 */
export function openWakeup(): Wakeup | undefined {
  const c = cLibrary(), descriptor = c?.eventfd?.(0, FLAGS) ?? -1;
  if (c === undefined || descriptor < 0) return undefined;
  const one = fixed(8);
  new BigUint64Array(one.buffer)[0] = 1n;
  let isOpen = true;
  return {
    descriptor,
    wake() {
      // It can only fail if the counter is full, which wakes as well.
      if (isOpen) c.write(descriptor, one, 8n);
    },
    close() {
      if (isOpen) c.close(descriptor);
      isOpen = false;
    },
  };
}

/**
 * The ID of the thread of this isolate. It opens the C library for itself, so it needs the
 * permission.
 *
 * @returns `undefined` without the permission, and if /proc is not mounted.
 */
export function threadId(): number | undefined {
  for (const path of cLibraries()) {
    try {
      const library = Deno.dlopen(path, {
        readlink: { parameters: ["buffer", "buffer", "usize"], result: "isize" },
      });
      const target = fixed(LINK_BYTES);
      const size = library.symbols.readlink(
        cString("/proc/thread-self"),
        target,
        BigInt(LINK_BYTES),
      );
      library.close();
      const text = new TextDecoder().decode(target.subarray(0, Math.max(0, Number(size))));
      return Number(/\/task\/(\d+)$/.exec(text)?.[1]) || undefined;
    } catch { /* it is not there, or not permitted */ }
  }
  return undefined;
}

/**
 * Whether a thread of this process lives.
 *
 * @param thread From {@link threadId}.
 */
export function isThreadAlive(thread: number): boolean {
  return cLibrary()?.access(cString(`/proc/self/task/${thread}`), EXISTS) === 0;
}

/**
 * Closes file descriptors.
 *
 * @param open Byte N is 1 if descriptor N is open. The thread that has opened them must have ended.
 * @returns How many were closed.
 */
export function closeDescriptors(open: Uint8Array): number {
  const c = cLibrary();
  return c === undefined ? 0 : closeMarked(c, open);
}

function closeMarked(c: CLibrary, open: Uint8Array): number {
  let closed = 0;
  for (let at = open.indexOf(1); at >= 0; at = open.indexOf(1, at + 1)) {
    open[at] = 0;
    if (c.close(at) === 0) closed++;
  }
  return closed;
}
