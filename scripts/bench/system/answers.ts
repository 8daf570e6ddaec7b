import { delay } from "@std/async/delay";

/** Time limit in milliseconds. */
const LIMIT = 10_000;

const ASK = new TextEncoder().encode("GET / HTTP/1.1\r\nHost: bench\r\n\r\n");

/**
 * Waits until a port answers a request, at most ten seconds. That it accepts a connection proves
 * little: the kernel does that as soon as the program listens.
 *
 * @param port On 127.0.0.1.
 * @param gone Whether the program that should listen has ended; then the wait ends too.
 * @returns Whether it answered.
 */
export async function answers(port: number, gone: () => boolean): Promise<boolean> {
  for (const end = performance.now() + LIMIT; performance.now() < end && !gone();) {
    if (await asked(port, end - performance.now())) return true;
    await delay(1);
  }
  return false;
}

async function asked(port: number, milliseconds: number): Promise<boolean> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  try {
    using conn = await Deno.connect({ hostname: "127.0.0.1", port });
    timer = setTimeout(() => conn.close(), milliseconds);
    await conn.write(ASK);
    return await conn.read(new Uint8Array(4096)) !== null;
  } catch {
    return false;
  } finally {
    clearTimeout(timer);
  }
}
