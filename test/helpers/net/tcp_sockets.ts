/**
 * The kernel's table of TCP sockets (Linux): listeners and connections, without touching them.
 *
 * @module
 */
const TABLES = ["/proc/net/tcp", "/proc/net/tcp6"];
const ESTABLISHED = "01";
const SYN_SENT = "02";
const LISTEN = "0A";

interface TcpSocket {
  localPort: number;
  remotePort: number;
  state: string;
  inode: string;
}

/**
 * Whether something listens on a port.
 *
 * @param pid If given, only a listener of this process counts.
 */
export function listensOn(port: number, pid?: number): boolean {
  const own = pid === undefined ? undefined : socketsOf(pid);
  // Reading the tables takes milliseconds, so it is avoided where possible.
  if (own?.size === 0) return false;
  return TABLES.some((path) =>
    listening(path).some((one) =>
      one.localPort === port && (own === undefined || own.has(`socket:[${one.inode}]`))
    )
  );
}

/** How many sockets listen on a port. */
export function listenersOn(port: number): number {
  return TABLES.flatMap(listening).filter((one) => one.localPort === port).length;
}

/** The ports that a process listens on. */
export function listeningPorts(pid: number): number[] {
  const own = socketsOf(pid);
  return TABLES.flatMap(listening).filter((one) => own.has(`socket:[${one.inode}]`))
    .map((one) => one.localPort);
}

/** Number of connections that are established at a listener on this port. */
export function established(port: number): number {
  const inodes = TABLES.flatMap((path) => rows(readIfThere(path)))
    .filter((one) => one.localPort === port && one.state === ESTABLISHED)
    .map((one) => one.inode);
  // A table that changes while it is read may list a socket twice.
  return new Set(inodes).size;
}

/** Number of sockets with one of these ports at either end that some process still holds. */
export function socketsAt(ports: readonly number[]): number {
  const found = TABLES.flatMap((path) => rows(readIfThere(path)))
    .filter(({ localPort, remotePort }) => ports.includes(localPort) || ports.includes(remotePort))
    .map(({ inode }) => inode);
  return new Set(found.filter((inode) => inode !== "0")).size;
}

/** Number of connects to a port that have no answer yet (SYN_SENT). */
export function dialing(port: number): number {
  // Searched as text: with ten thousand connections in TIME_WAIT, splitting takes too long.
  const remote = `:${port.toString(16).toUpperCase().padStart(4, "0")} ${SYN_SENT} `;
  return TABLES.reduce((sum, path) => sum + readIfThere(path).split(remote).length - 1, 0);
}

/**
 * Reads only the first part of a table. Listeners come first; ten thousand connections of earlier
 * tests in TIME_WAIT may follow.
 */
function listening(path: string): TcpSocket[] {
  for (let size = 4096;; size *= 4) {
    const text = readIfThere(path, size);
    const found = rows(text);
    if (text.length < size || found.some((one) => one.state !== LISTEN)) {
      return found.filter((one) => one.state === LISTEN);
    }
  }
}

/** Parses the complete lines below the heading. */
function rows(text: string): TcpSocket[] {
  return text.slice(0, text.lastIndexOf("\n") + 1).split("\n").slice(1, -1).map((line) => {
    const columns = line.trim().split(/\s+/);
    return {
      localPort: parseInt(columns[1]?.split(":")[1] ?? "", 16),
      remotePort: parseInt(columns[2]?.split(":")[1] ?? "", 16),
      state: columns[3] ?? "",
      inode: columns[9] ?? "",
    };
  });
}

function socketsOf(pid: number): Set<string> {
  const found = new Set<string>();
  try {
    for (const entry of Deno.readDirSync(`/proc/${pid}/fd`)) {
      try {
        const target = Deno.readLinkSync(`/proc/${pid}/fd/${entry.name}`);
        if (target.startsWith("socket:")) found.add(target);
      } catch {
        // Closed between listing and reading.
      }
    }
  } catch {
    // The process has ended.
  }
  return found;
}

/** Reads at most `limit` bytes; without IPv6 in the kernel there is no tcp6. */
function readIfThere(path: string, limit = Infinity): string {
  let file: Deno.FsFile;
  try {
    file = Deno.openSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "";
    throw error;
  }
  using _closing = file;
  const decoder = new TextDecoder();
  const buffer = new Uint8Array(16384);
  let text = "";
  while (text.length < limit) {
    const count = file.readSync(buffer.subarray(0, Math.min(buffer.length, limit - text.length)));
    if (count === null) break;
    text += decoder.decode(buffer.subarray(0, count));
  }
  return text;
}
