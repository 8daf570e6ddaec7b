import { formatIp, unmapped } from "../address/ip.ts";
import { crc32c } from "./crc32c.ts";
import {
  type HeaderFault,
  MAX_HEADER_BYTES,
  type ParsedHeader,
  type ProxiedConnection,
} from "./header.ts";

/** Bytes before the addresses: signature, command, family and transport, length (section 2.2). */
const FIXED_BYTES = 16;
const LOCAL = 0, PROXY = 1;
const INET = 1, STREAM = 1, MAX_TRANSPORT = 2;
/** Bytes of the addresses by family: UNSPEC, INET, INET6, UNIX. */
const ADDRESS_BYTES: readonly number[] = [0, 12, 36, 216];
/** A TLV: type, length, value. */
const TLV_BYTES = 3, CRC32C_TYPE = 3, CRC32C_BYTES = 4;

/** Parses a header of version 2, whose signature is complete. Pure. */
export function parseVersion2(bytes: Uint8Array): ParsedHeader {
  const start = startFault(bytes);
  if (start !== undefined) return start;
  if (bytes.length < FIXED_BYTES) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = FIXED_BYTES + view.getUint16(14);
  const family = bytes[13]! >> 4, size = ADDRESS_BYTES[family];
  const isLocal = (bytes[12]! & 15) === LOCAL;
  if (length > MAX_HEADER_BYTES) return "too_long";
  if (!isLocal && length < FIXED_BYTES + (size ?? 0)) return "bad_length";
  if (bytes.length < length) return undefined;
  const header = bytes.subarray(0, length);
  const fault = size === undefined ? undefined : tlvFault(header, FIXED_BYTES + size);
  // What follows LOCAL or an unspecified family is ignored, unless it proves that the header is
  // corrupt.
  if (fault === "bad_checksum" || (fault && !isLocal && size !== 0)) return fault;
  const isTcp = (bytes[13]! & 15) === STREAM && (size === 12 || size === 36);
  return { length, connection: isLocal || !isTcp ? undefined : connection(view, family) };
}

/** What is wrong with the version, command, family and transport, as far as they have arrived. */
function startFault(bytes: Uint8Array): HeaderFault | undefined {
  const command = bytes[12], protocol = bytes[13];
  if (command === undefined) return undefined;
  if (command >> 4 !== 2) return "bad_version";
  if ((command & 15) > PROXY) return "bad_command";
  // LOCAL: "the protocol block including the family which is ignored".
  if (protocol === undefined || (command & 15) === LOCAL) return undefined;
  const isKnown = protocol >> 4 < ADDRESS_BYTES.length && (protocol & 15) <= MAX_TRANSPORT;
  return isKnown ? undefined : "bad_family";
}

function connection(view: DataView, family: number): ProxiedConnection {
  const width = family === INET ? 4 : 16, ports = FIXED_BYTES + 2 * width;
  const address = (at: number) =>
    formatIp(unmapped(new Uint8Array(view.buffer, view.byteOffset + at, width)));
  return {
    client: { address: address(FIXED_BYTES), port: view.getUint16(ports) },
    listener: { address: address(FIXED_BYTES + width), port: view.getUint16(ports + 2) },
  };
}

/** What is wrong with the TLVs (section 2.2.7), of which only the checksum is used. */
function tlvFault(header: Uint8Array, start: number): HeaderFault | undefined {
  for (let at = start; at < header.length;) {
    if (at + TLV_BYTES > header.length) return "bad_length";
    const value = at + TLV_BYTES, length = header[at + 1]! << 8 | header[at + 2]!;
    const end = value + length;
    if (end > header.length) return "bad_length";
    if (header[at] === CRC32C_TYPE) {
      if (length !== CRC32C_BYTES) return "bad_length";
      if (!hasChecksum(header, value)) return "bad_checksum";
    }
    at = end;
  }
  return undefined;
}

/** Whether the checksum is that of the header with zeros in place of it (section 2.2.3). */
function hasChecksum(header: Uint8Array, at: number): boolean {
  const zeroed = header.slice(), view = new DataView(header.buffer, header.byteOffset);
  zeroed.fill(0, at, at + CRC32C_BYTES);
  return view.getUint32(at) === crc32c(zeroed);
}
