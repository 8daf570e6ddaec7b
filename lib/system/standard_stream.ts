/**
 * Standard output and standard error of a program that serves: a write waits in a thread of the
 * runtime, so it never blocks the connections, even if the reader is stopped.
 *
 * Do not mix it with the synchronous functions of output.ts: these wait for a pending write.
 */

/** A stream of the process. Writes happen in order, each as a whole. */
export interface StandardStream {
  /**
   * Writes bytes, which must not change until it resolves.
   *
   * @returns How many were written: all of them, or those before an error, which the next write
   *     reports.
   * @throws The error of the system, such as EPIPE or ENOSPC, if none were written.
   */
  write(bytes: Uint8Array): Promise<number>;
}

/** Standard output. */
export const standardOutput: StandardStream = inOrder(Deno.stdout);

/** Standard error. */
export const standardError: StandardStream = inOrder(Deno.stderr);

function inOrder(to: StandardStream): StandardStream {
  let last: Promise<unknown> = Promise.resolve();
  return {
    write(bytes) {
      const written = last.then(() => writeWhole(to, bytes));
      last = written.catch(() => {});
      return written;
    },
  };
}

async function writeWhole(to: StandardStream, bytes: Uint8Array): Promise<number> {
  let at = 0;
  while (at < bytes.length) {
    try {
      at += await to.write(bytes.subarray(at));
    } catch (error) {
      if (at === 0) throw error;
      break;
    }
  }
  return at;
}
