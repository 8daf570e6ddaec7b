/** How many sockets listen at an address, of all processes in this network namespace. */

import { parseIp } from "../address/ip.ts";
import type { Endpoint } from "../base/endpoint.ts";
import type { CLibrary } from "../native/c_library.ts";
import { cString, fixed } from "../native/memory.ts";

const O_RDONLY = 0, O_CLOEXEC = 0o2000000;
/** The system lists listening sockets first, so usually one piece is enough. */
const PIECE_BYTES = 65536;
/** State `LISTEN` in proc_net_tcp(5). */
const LISTEN = "0A";

/**
 * Counts the sockets that listen at exactly an address.
 *
 * @returns `undefined` if that is unknown, for example because /proc is not mounted.
 */
export function countListening(c: CLibrary, at: Endpoint): number | undefined {
  const ip = parseIp(at.address.replace(/%.*$/, ""));
  if (ip === undefined) return undefined;
  const path = `/proc/self/net/${ip.length === 4 ? "tcp" : "tcp6"}`;
  const file = c.open(cString(path), O_RDONLY | O_CLOEXEC, 0);
  if (file < 0) return undefined;
  const wanted = `${hexWords(ip)}:${at.port.toString(16).toUpperCase().padStart(4, "0")}`;
  let count = 0;
  try {
    for (const line of linesOf(c, file)) {
      const [, local, , state] = line.trim().split(/\s+/);
      if (local === "local_address") continue;
      if (state !== LISTEN) break;
      if (local === wanted) count++;
    }
  } finally {
    c.close(file);
  }
  return count;
}

/** An address as proc_net_tcp(5) has it: 32-bit words in the byte order of the machine. */
function hexWords(ip: Uint8Array): string {
  let text = "";
  for (let at = 0; at < ip.length; at += 4) {
    for (let byte = 3; byte >= 0; byte--) text += ip[at + byte]!.toString(16).padStart(2, "0");
  }
  return text.toUpperCase();
}

function* linesOf(c: CLibrary, file: number): Generator<string> {
  const piece = fixed(PIECE_BYTES), decoder = new TextDecoder();
  let rest = "";
  for (;;) {
    const size = Number(c.read(file, piece, BigInt(PIECE_BYTES)));
    if (size <= 0) break;
    const lines = (rest + decoder.decode(piece.subarray(0, size))).split("\n");
    rest = lines.pop()!;
    yield* lines;
  }
  if (rest !== "") yield rest;
}
