/** What a host of a channel resolves to. Pure. */

import { formatIp, type Ip } from "../address/ip.ts";
import { preferredAddress } from "../address/resolve_host.ts";
import type { ServiceRecord } from "../dns/message.ts";

/** A target of SRV records. */
export interface ServiceTarget extends ServiceRecord {
  /** All addresses of its name; empty if it has none now. */
  readonly addresses: readonly Ip[];
}

/** What was found out about a host. A plain record. */
export interface FoundHost {
  /** Of a name; empty for a service. */
  readonly addresses: readonly Ip[];
  /** Of a service; empty for a name. */
  readonly targets: readonly ServiceTarget[];
  /** Seconds until it may be different; `undefined` if unknown. */
  readonly ttlS: number | undefined;
}

/** What is known about a host: in order, so that answers in another order are the same. */
export interface KnownHost {
  /** Of `NAME*`: sorted. Of a name: the chosen one. */
  readonly addresses: readonly Ip[];
  readonly targets: readonly KnownTarget[];
}

/** A target and the address that was chosen of its addresses. */
export interface KnownTarget extends ServiceRecord {
  readonly address: Ip | undefined;
}

/**
 * What is known after an answer. A name that has several addresses keeps the one it has, as long as
 * it is among them.
 *
 * @param before What was known before, if anything.
 */
export function knownOf(
  { addresses, targets }: FoundHost,
  { isAll, before }: { isAll: boolean; before?: KnownHost | undefined },
): KnownHost {
  return {
    addresses: isAll ? sortedAddresses(addresses) : chosen(addresses, before?.addresses[0]),
    targets: sortedTargets(targets).map(({ addresses, ...target }) => {
      const former = before?.targets.find((one) => isSameTarget(one, target));
      const [address = former?.address] = chosen(addresses, former?.address);
      return { ...target, address };
    }),
  };
}

/** IPv4 before IPv6, each by number. */
export function sortedAddresses(addresses: readonly Ip[]): Ip[] {
  return [...addresses].sort((a, b) => {
    if (a.length !== b.length) return a.length - b.length;
    const at = a.findIndex((byte, i) => byte !== b[i]);
    return at < 0 ? 0 : a[at]! - b[at]!;
  });
}

/** Whether two answers are the same for the channels. */
export function isSameHost(a: KnownHost, b: KnownHost): boolean {
  return textOf(a) === textOf(b);
}

/** What changed, for a line: `10.0.0.1 is now 10.0.0.2`, `added 10.0.0.4; removed 10.0.0.2`. */
export function changeText(
  before: KnownHost | undefined,
  now: KnownHost,
  { isAll }: { isAll: boolean },
): string {
  const former = placesOf(before), current = placesOf(now);
  const added = current.filter((one) => !former.includes(one));
  const removed = former.filter((one) => !current.includes(one));
  if (!isAll && added.length === 1 && removed.length === 1) {
    return `${removed[0]} is now ${added[0]}`;
  }
  const parts = [
    ...(added.length > 0 ? [`added ${added.join(", ")}`] : []),
    ...(removed.length > 0 ? [`removed ${removed.join(", ")}`] : []),
  ];
  return parts.length > 0 ? parts.join("; ") : "weights or priorities have changed";
}

/** What a host resolves to, for a line: `10.0.0.1, 10.0.0.2`. */
export function placesOf(known: KnownHost | undefined): string[] {
  if (known === undefined) return [];
  const targets = known.targets.map(({ target, port, address }) =>
    `${target}:${port}${address === undefined ? "" : ` (${formatIp(address)})`}`
  );
  return [...known.addresses.map(formatIp), ...targets];
}

function textOf(known: KnownHost): string {
  const ranks = known.targets.map(({ priority, weight }) => `${priority} ${weight}`);
  return JSON.stringify([placesOf(known), ranks]);
}

function chosen(addresses: readonly Ip[], before: Ip | undefined): Ip[] {
  const kept = before && addresses.find((one) => formatIp(one) === formatIp(before));
  const address = kept ?? preferredAddress(addresses);
  return address === undefined ? [] : [address];
}

function isSameTarget(a: ServiceRecord, b: ServiceRecord): boolean {
  return a.target === b.target && a.port === b.port;
}

/** By priority, name and port, each name and port once; without those that mean "no service". */
function sortedTargets(targets: readonly ServiceTarget[]): ServiceTarget[] {
  const sorted = targets.filter(({ target }) => target !== "").sort((a, b) =>
    a.priority - b.priority || (a.target < b.target ? -1 : a.target > b.target ? 1 : 0) ||
    a.port - b.port || b.weight - a.weight
  );
  return sorted.filter((one, i) => sorted.findIndex((other) => isSameTarget(one, other)) === i);
}
