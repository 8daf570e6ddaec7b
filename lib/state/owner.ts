/** Which balance a state file belongs to. */

import { formatEndpoint } from "../address/host_port.ts";
import type { Endpoint } from "../base/endpoint.ts";
import { UnavailableError, withName } from "../base/errors.ts";
import { printable } from "../base/printable.ts";
import type { StateOwner } from "./state_file.ts";

/**
 * Checks that no other running balance uses a file. One on the same address does not count: it has
 * ended, or is about to be taken over.
 *
 * @param owner As the file names it, if it does.
 * @param options `at`: the address to listen on; `isRunning`: whether a balance still runs.
 * @throws {UnavailableError} If one does.
 */
export async function checkOwner(
  path: string,
  owner: StateOwner | undefined,
  { at, isRunning }: { at: Endpoint; isRunning: (owner: StateOwner) => Promise<boolean> },
): Promise<void> {
  const isOther = owner !== undefined && (owner.port !== at.port || owner.address !== at.address);
  if (!isOther || !await isRunning(owner)) return;
  const reason = `process ${owner.pid} listens on ${listenerOf(owner)} and uses it`;
  throw new UnavailableError(
    withName(`can't use state file [${printable(path)}]: ${reason}`),
    "state",
  );
}

/** The address of a balance, for a message: it is as the file has it. */
export function listenerOf({ address, port }: Endpoint): string {
  return printable(formatEndpoint({ address, port }));
}
