import type { Endpoint } from "../base/endpoint.ts";
import { formatEndpoint } from "../address/host_port.ts";
import { withName } from "../base/errors.ts";
import { searchDirectories, type SearchDirectory } from "../system/search_directories.ts";
import { type SearchOptions, socketName } from "./control_socket.ts";
import { findInstances, type Instance } from "./instances.ts";

/** How many balances on other ports are named. */
const MAX_NAMED = 5;

/**
 * Lines that help a user whose balance was not found: where the client looked, and what runs
 * instead.
 *
 * @param at The address that no balance listens on.
 */
export async function whereItRuns(at: Endpoint, options: SearchOptions = {}): Promise<string[]> {
  const { directories = searchDirectories() } = options;
  const looked = lookedFor(at, directories);
  const instances = await findInstances({ ...options, directories });
  const same = instances.filter((one) => one.at.port === at.port);
  const rest = instances.filter((one) => one.at.port !== at.port);
  return [
    `found no balance that listens on ${formatEndpoint(at)}: ${looked}`,
    ...same.map((one) => `${named(one)}: to control it, use ${optionsFor(one.at.address)}`),
    ...same.length === 0 && rest.length > 0 ? [`running: ${list(rest)}`] : [],
  ].map(withName);
}

/** Where a client looks for a balance, for a message. */
export function lookedFor(
  at: Endpoint,
  directories: readonly SearchDirectory[] = searchDirectories(),
): string {
  const paths = directories.filter(({ owner }) => owner === undefined).map(({ path }) => path);
  const others = directories.length > paths.length ? " and those of other users" : "";
  return `looked for ${socketName(at)} in ${paths.join(", ")}${others}`;
}

/** The options that select the address of a balance, for a message. */
export function optionsFor(address: string): string {
  if (address === "0.0.0.0") return "neither -b nor -6";
  return address === "::" ? "-6" : `-b ${address}`;
}

function list(instances: readonly Instance[]): string {
  const more = instances.length - MAX_NAMED;
  const shown = instances.slice(0, MAX_NAMED).map(named).join(", ");
  return more > 0 ? `${shown} and ${more} more (see --list)` : shown;
}

/** A balance in a message: its address, process ID, and state unless it runs. */
export function named({ at, pid, state }: Instance): string {
  const details = [pid === undefined ? [] : [`pid ${pid}`], state === "running" ? [] : [state]];
  return `${formatEndpoint(at)} (${details.flat().join(", ")})`;
}
