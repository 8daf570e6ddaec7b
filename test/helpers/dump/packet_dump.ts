/**
 * Reads back the packet dump of 3.35 (`-p`): who sent which bytes.
 *
 * @module
 */
import { latin1FromBytes } from "../golden/golden.ts";

/** One block of a dump. */
export interface DumpBlock {
  arrow: "->" | "-<";
  /** Number of bytes; 0 for the end of a direction, -1 for a reset. */
  count: number;
  bytes: Uint8Array<ArrayBuffer>;
}

/**
 * Reads a whole dump.
 *
 * @throws {Error} At the first text that cannot be part of a dump.
 */
export function parseDump(printed: Uint8Array): DumpBlock[] {
  const text = latin1FromBytes(printed);
  const blocks: DumpBlock[] = [];
  for (let at = 0; at < text.length;) {
    const header = /^(->|-<) (-?\d+)\n/.exec(text.slice(at, at + 32));
    if (header === null) {
      throw new Error(`Cannot read the dump at ${at}: ${JSON.stringify(text.slice(at, at + 32))}`);
    }
    at += header[0].length;
    const count = Number(header[2]);
    const bytes = new Uint8Array(Math.max(0, count));
    for (let i = 0; i < count;) {
      const [char = "", next = ""] = text.slice(at, at + 2);
      if (char === "\n") at++; // A line break of the dump.
      else if (char !== "\\") {
        bytes[i++] = text.charCodeAt(at++);
      } else if (next === "\\") {
        bytes[i++] = 0x5c;
        at += 2;
      } else {
        bytes[i++] = parseInt(text.slice(at + 1, at + 3), 16);
        at += 3;
      }
    }
    while (text[at] === "\n") at++;
    blocks.push({ arrow: header[1] === "->" ? "->" : "-<", count, bytes });
  }
  return blocks;
}
