import { type HeaderFault, MAX_V1_BYTES, type ParsedHeader } from "./header.ts";
import { parseVersion1 } from "./version1.ts";
import { parseVersion2 } from "./version2.ts";

/** What a header starts with (sections 2.1 and 2.2). */
const V1_START = new TextEncoder().encode("PROXY ");
const V2_START = Uint8Array.fromHex("0d0a0d0a000d0a515549540a");
const CR = 0x0d, LF = 0x0a;

/**
 * Parses a PROXY header of version 1 or 2. Pure.
 *
 * @param bytes All that has arrived so far, including payload after the header.
 * @returns The header; a fault as soon as it is certain; `undefined` if more bytes are needed.
 */
export function parseHeader(bytes: Uint8Array): ParsedHeader {
  if (startsWith(bytes, V2_START)) {
    return bytes.length < V2_START.length ? undefined : parseVersion2(bytes);
  }
  if (!startsWith(bytes, V1_START)) return "not_a_header";
  return bytes.length < V1_START.length ? undefined : parseLine(bytes);
}

/** Whether bytes start with others, as far as they have arrived. */
function startsWith(bytes: Uint8Array, start: Uint8Array): boolean {
  const length = Math.min(bytes.length, start.length);
  for (let i = 0; i < length; i++) if (bytes[i] !== start[i]) return false;
  return true;
}

/** Version 1 is a line: finds its end. */
function parseLine(bytes: Uint8Array): ParsedHeader {
  const end = lineEnd(bytes.subarray(0, MAX_V1_BYTES));
  if (end === undefined) return bytes.length >= MAX_V1_BYTES ? "too_long" : undefined;
  if (typeof end === "string") return end;
  const connection = parseVersion1(String.fromCharCode(...bytes.subarray(V1_START.length, end)));
  return typeof connection === "string" ? connection : { length: end + 2, connection };
}

/** Where the CRLF is. A lone LF ends no line, and a lone CR cannot be part of one. */
function lineEnd(bytes: Uint8Array): number | HeaderFault | undefined {
  for (let i = V1_START.length; i < bytes.length; i++) {
    if (bytes[i] === LF) return "bad_line";
    if (bytes[i] !== CR) continue;
    if (i + 1 === bytes.length) return undefined;
    return bytes[i + 1] === LF ? i : "bad_line";
  }
  return undefined;
}
