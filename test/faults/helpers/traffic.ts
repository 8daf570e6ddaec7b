/** Client traffic, in this process. */
import { writeAll } from "../../../lib/base/bytes.ts";
import { readExactly } from "../../helpers/net/client.ts";

/** Sends one message and reads its echo. @returns Milliseconds. */
export async function exchange(
  conn: Deno.Conn,
  options: { bytes?: Uint8Array<ArrayBuffer>; timeoutMs?: number } = {},
): Promise<number> {
  const { bytes = PING, timeoutMs = 30_000 } = options;
  const started = performance.now();
  await writeAll(conn, bytes);
  const got = await readExactly(conn, bytes.length, { timeoutMs });
  for (let i = 0; i < got.length; i++) {
    if (got[i] !== bytes[i]) throw new Error(`Byte ${i} of an echo is wrong`);
  }
  return performance.now() - started;
}

const PING = new TextEncoder().encode("ping of sixteen\n");

/** Connects, exchanges one message, and ends both sides in order. @returns Milliseconds. */
export async function shortConnection(port: number): Promise<number> {
  const started = performance.now();
  using conn = await Deno.connect({ hostname: "127.0.0.1", port });
  await exchange(conn);
  await conn.closeWrite();
  if (await conn.read(new Uint8Array(1)) !== null) throw new Error("More than an echo came back");
  return performance.now() - started;
}

/** Runs `count` jobs, `parallel` at a time; all errors are collected. */
export async function many(
  options: { count: number; parallel: number },
  job: (index: number) => Promise<void>,
): Promise<unknown[]> {
  const errors: unknown[] = [];
  let next = 0;
  async function lane(): Promise<void> {
    while (next < options.count) {
      try {
        await job(next++);
      } catch (error) {
        errors.push(error);
      }
    }
  }
  await Promise.all(Array.from({ length: options.parallel }, lane));
  return errors;
}

/** Exchanges messages on one connection until `until()` is true. @returns Milliseconds of each. */
export async function ping(
  port: number,
  options: { until: () => boolean; everyMs: number },
): Promise<number[]> {
  const latencies: number[] = [];
  using conn = await Deno.connect({ hostname: "127.0.0.1", port });
  conn.setNoDelay(true);
  while (!options.until()) {
    latencies.push(await exchange(conn));
    await new Promise((resolve) => setTimeout(resolve, options.everyMs));
  }
  return latencies;
}
