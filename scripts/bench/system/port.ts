/** Below the ephemeral range of Linux, so that no outgoing connection takes it meanwhile. */
const LOWEST = 10000, HIGHEST = 32000;

/** A TCP port on 127.0.0.1 that nobody listens on. */
export function freePort(): number {
  for (;;) {
    const port = LOWEST + Math.floor(Math.random() * (HIGHEST - LOWEST));
    try {
      Deno.listen({ hostname: "127.0.0.1", port }).close();
      return port;
    } catch (error) {
      if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    }
  }
}

/**
 * Waits until the port accepts a connection.
 *
 * @returns whether it did before `gone` turned true and before ten seconds were over.
 */
export async function accepts(port: number, gone: () => boolean): Promise<boolean> {
  for (const end = performance.now() + 10_000; performance.now() < end && !gone();) {
    try {
      (await Deno.connect({ hostname: "127.0.0.1", port })).close();
      return true;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }
  return false;
}
