/** Clients from several addresses of this machine, and whether they are served. */

import { codeOf } from "../../../lib/base/errors.ts";
import { connect } from "../net/client.ts";

/**
 * Connects once from an address, and waits for the first byte of a backend that sends one.
 *
 * @param from A local IPv4 address (needs `canBindSource()`), or `::1`.
 */
export async function visit(port: number, from: string): Promise<"served" | "closed" | "reset"> {
  try {
    await using client = await connect(port, from.includes(":") ? { hostname: from } : { from });
    return await client.read(new Uint8Array(1)) === null ? "closed" : "served";
  } catch (error) {
    // node:net reports a reset during the connect by its code only.
    const isReset = error instanceof Deno.errors.ConnectionReset || codeOf(error) === "ECONNRESET";
    if (isReset) return "reset";
    throw error;
  }
}

/** Those of several addresses that are served, one after the other. */
export async function served(port: number, addresses: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for (const address of addresses) {
    if (await visit(port, address) === "served") found.push(address);
  }
  return found;
}
