/**
 * Shuts down TCP sockets of this process by their addresses.
 *
 * Deno does not disclose descriptors, and up to 2.6 `close()` leaves a socket open while a write to
 * it is pending: for good if the peer never reads. The shutdown ends that write.
 */

import { type Ip, parsePeerIp, unmapped } from "../address/ip.ts";
import type { Endpoint, SocketPair } from "../base/endpoint.ts";
import { type CLibrary, cLibrary } from "./c_library.ts";
import { fixed, readProc } from "./memory.ts";
import { processLimits } from "./process.ts";

const DARWIN = Deno.build.os === "darwin";
const AF_INET = 2, AF_INET6 = DARWIN ? 30 : 10;
/** Position of the family in `sockaddr`: macOS has the length first, Linux a little-endian u16. */
const FAMILY_AT = DARWIN ? 1 : 0;
const PORT_AT = 2;
/** `sizeof(struct sockaddr_in6)`; longer addresses are cut off. */
const ADDRESS_BYTES = 28;
const SHUT_RDWR = 2;
/** Descriptors to search if their number is unknown (without /proc). */
const MAX_UNKNOWN = 65536;
/**
 * {@link requestShutdown} first collects the requests of all workers for some milliseconds. The
 * minimum between two searches is longer.
 */
const COLLECT_MS = 100, PAUSE_MS = 1000;
/** Milliseconds for which {@link requestShutdown} searches before other work gets a turn. */
const TURN_MS = 5;
/** Descriptors between two looks at the clock. */
const STEP = 256;

/** The addresses of a socket to shut down; IPv4-mapped ones are IPv4. */
interface Wanted {
  readonly local: Ip;
  readonly remote: Ip;
}

/** The sockets to shut down. */
interface WantedSockets {
  readonly remotePorts: ReadonlySet<number>;
  readonly byPorts: ReadonlyMap<number, readonly Wanted[]>;
}

/**
 * Shuts down both directions of TCP sockets of this process; their pending reads and writes end.
 *
 * It asks the system for the peer of each descriptor, which takes about 20 ms for 10,000 of them.
 * So collect sockets and call it rarely, or use {@link requestShutdown}. Works in the main isolate
 * only, and not without the C library.
 *
 * @returns How many sockets were found.
 */
export function shutdownSockets(sockets: readonly SocketPair[]): number {
  let found = 0;
  for (const inStep of search(sockets)) found += inStep;
  return found;
}

const requested = new Map<string, SocketPair>();
let searching = false, searchedAt = -Infinity;

/**
 * Requests {@link shutdownSockets}: soon, together with all other requests, and at most once a
 * second. It blocks the event loop for a few milliseconds at a time. Sockets that are not found are
 * ignored, so a caller that still waits must repeat its request.
 */
export function requestShutdown(sockets: readonly SocketPair[]): void {
  if (cLibrary() === undefined) return;
  for (const { local, remote } of sockets) {
    const key = `${local.address} ${local.port} ${remote.address} ${remote.port}`;
    requested.set(key, { local, remote });
  }
  if (searching || requested.size === 0) return;
  searching = true;
  later(() => {
    const all = [...requested.values()];
    requested.clear();
    searchInTurns(search(all));
  }, Math.max(COLLECT_MS, searchedAt + PAUSE_MS - performance.now()));
}

function searchInTurns(steps: Generator<number, void>): void {
  const end = performance.now() + TURN_MS;
  while (!steps.next().done) {
    if (performance.now() > end) return later(() => searchInTurns(steps), 0);
  }
  searching = false;
  searchedAt = performance.now();
  requestShutdown([]);
}

/** A timer that does not keep the process alive. */
function later(run: () => void, ms: number): void {
  Deno.unrefTimer(setTimeout(run, ms));
}

/** Searches in steps; yields how many sockets it has found and shut down in each. */
function* search(sockets: readonly SocketPair[]): Generator<number, void> {
  const c = cLibrary();
  if (c === undefined || sockets.length === 0) return;
  const wanted = wantedSockets(sockets), names = new SocketNames(c), end = descriptorsEnd(c);
  let found = 0;
  for (let descriptor = 3; descriptor < end; descriptor++) {
    if (shutDown(c, descriptor, { names, wanted })) found++;
    if (descriptor % STEP !== 0) continue;
    yield found;
    found = 0;
  }
  yield found;
}

/** Reads both ends of sockets, into one buffer. */
class SocketNames {
  readonly #c: CLibrary;
  readonly #raw = fixed(ADDRESS_BYTES);
  readonly #length = new Uint32Array(fixed(4).buffer);

  constructor(c: CLibrary) {
    this.#c = c;
  }

  /** Whether a descriptor is one of the wanted sockets. */
  matches(descriptor: number, wanted: WantedSockets): boolean {
    if (!this.#read("getpeername", descriptor)) return false;
    const remotePort = this.#port();
    if (!wanted.remotePorts.has(remotePort)) return false;
    const remote = this.#address();
    if (!this.#read("getsockname", descriptor)) return false;
    const candidates = wanted.byPorts.get(portsKey(this.#port(), remotePort));
    if (candidates === undefined) return false;
    const local = this.#address();
    return candidates.some((one) => isEqual(one.remote, remote) && isEqual(one.local, local));
  }

  /** Reads one end; returns whether it is an end of a connected TCP socket. */
  #read(end: "getpeername" | "getsockname", descriptor: number): boolean {
    this.#length[0] = ADDRESS_BYTES;
    if (this.#c[end](descriptor, this.#raw, this.#length) !== 0) return false;
    const family = this.#raw[FAMILY_AT];
    return family === AF_INET || family === AF_INET6;
  }

  #port(): number {
    return this.#raw[PORT_AT]! << 8 | this.#raw[PORT_AT + 1]!;
  }

  /** The address; IPv4 as 4 bytes, also if it is mapped to IPv6. */
  #address(): Ip {
    const address = this.#raw[FAMILY_AT] === AF_INET
      ? this.#raw.subarray(4, 8)
      : this.#raw.subarray(8, 24);
    return unmapped(address.slice());
  }
}

function wantedSockets(sockets: readonly SocketPair[]): WantedSockets {
  const remotePorts = new Set<number>(), byPorts = new Map<number, Wanted[]>();
  for (const pair of sockets) {
    const local = bytesOf(pair.local), remote = bytesOf(pair.remote);
    if (local === undefined || remote === undefined) continue;
    remotePorts.add(pair.remote.port);
    const key = portsKey(pair.local.port, pair.remote.port), others = byPorts.get(key);
    if (others === undefined) byPorts.set(key, [{ local, remote }]);
    else others.push({ local, remote });
  }
  return { remotePorts, byPorts };
}

function portsKey(local: number, remote: number): number {
  return local << 16 | remote;
}

/** The scope of a link-local address (`fe80::1%eth0`) is not compared. */
function bytesOf({ address }: Endpoint): Ip | undefined {
  return parsePeerIp(address);
}

/**
 * Shuts down a descriptor if it is a wanted socket.
 *
 * Another thread may close the descriptor at any time, and its number may be reused at once. So the
 * check is repeated on a duplicate, which nothing else can close.
 */
function shutDown(
  c: CLibrary,
  descriptor: number,
  { names, wanted }: { names: SocketNames; wanted: WantedSockets },
): boolean {
  if (!names.matches(descriptor, wanted)) return false;
  const duplicate = c.dup(descriptor);
  if (duplicate < 0) return false;
  try {
    return names.matches(duplicate, wanted) && c.shutdown(duplicate, SHUT_RDWR) === 0;
  } finally {
    c.close(duplicate);
  }
}

function isEqual(one: Ip, other: Ip): boolean {
  return one.length === other.length && one.every((byte, i) => byte === other[i]);
}

/** All descriptors of the process are below this number. */
export function descriptorsEnd(c: CLibrary): number {
  // The size of the kernel's table of descriptors: at most twice as many as ever were open.
  const status = readProc(c, "status");
  const size = status && /^FDSize:\s*(\d+)/m.exec(new TextDecoder().decode(status))?.[1];
  return size ? Number(size) : Math.min(processLimits().descriptors ?? MAX_UNKNOWN, MAX_UNKNOWN);
}
