/** IP addresses: text to bytes and back. Pure. */

/** An address in network order: 4 bytes (IPv4) or 16 bytes (IPv6). */
export type Ip = Uint8Array;

/**
 * Parses an IPv4 address as inet_aton(3): one to four parts, each decimal, octal (`0…`) or
 * hexadecimal (`0x…`); the last part fills the remaining bytes.
 *
 * @param text For example `10.0.0.1`, `127.1`, `0x7f000001`.
 * @returns Its 4 bytes; `undefined` if it is not an IPv4 address.
 */
export function parseIpv4(text: string): Ip | undefined {
  const parts = text.split(".");
  if (parts.length > 4) return undefined;
  const numbers: number[] = [];
  for (const part of parts) {
    if (/^0x[0-9a-f]+$/i.test(part)) numbers.push(parseInt(part, 16));
    else if (/^0[0-7]*$/.test(part)) numbers.push(parseInt(part, 8));
    else if (/^[1-9]\d*$/.test(part)) numbers.push(Number(part));
    else return undefined;
  }
  const last = numbers.pop() ?? 0;
  if (numbers.some((n) => n > 255) || last >= 256 ** (4 - numbers.length)) return undefined;
  const bytes = new Uint8Array(4), view = new DataView(bytes.buffer);
  bytes.set(numbers);
  view.setUint32(0, view.getUint32(0) + last);
  return bytes;
}

/**
 * Parses an IPv6 address (RFC 4291 section 2.2) without brackets and scope.
 *
 * @param text For example `::1`, `2001:db8::5`, `::ffff:10.0.0.1`.
 * @returns Its 16 bytes; `undefined` if it is not an IPv6 address.
 */
export function parseIpv6(text: string): Ip | undefined {
  const halves = text.split("::");
  if (halves.length > 2 || !text.includes(":")) return undefined;
  const head = words(halves[0] ?? "", halves.length === 1);
  const tail = halves.length === 2 ? words(halves[1] ?? "", true) : [];
  if (head === undefined || tail === undefined) return undefined;
  const missing = 8 - head.length - tail.length;
  if (halves.length === 2 ? missing < 1 : missing !== 0) return undefined;
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  head.forEach((word, i) => view.setUint16(i * 2, word));
  tail.forEach((word, i) => view.setUint16((8 - tail.length + i) * 2, word));
  return bytes;
}

/** IPv4 as the end of an IPv6 address: decimal only (RFC 4291 section 2.2). */
const DOTTED = /^(0|[1-9]\d*)(\.(0|[1-9]\d*)){3}$/;

/** The 16-bit words of one side of `::`; `undefined` if invalid. */
function words(text: string, mayEndInIpv4: boolean): number[] | undefined {
  if (text === "") return [];
  const found: number[] = [];
  const parts = text.split(":");
  for (const [i, part] of parts.entries()) {
    if (/^[0-9a-f]{1,4}$/i.test(part)) found.push(parseInt(part, 16));
    else if (mayEndInIpv4 && i === parts.length - 1 && DOTTED.test(part)) {
      const v4 = parseIpv4(part);
      if (v4 === undefined) return undefined;
      found.push(v4[0]! * 256 + v4[1]!, v4[2]! * 256 + v4[3]!);
    } else return undefined;
  }
  return found;
}

/**
 * Parses an IPv4 address, or an IPv6 address without brackets.
 *
 * @returns Its 4 or 16 bytes, IPv4-mapped addresses as IPv4; `undefined` if it is not an address.
 */
export function parseIp(text: string): Ip | undefined {
  const bytes = text.includes(":") ? parseIpv6(text) : parseIpv4(text);
  return bytes && unmapped(bytes);
}

/** {@link parseIp} for the address of a peer, which may have a scope (`fe80::1%eth0`), to ignore. */
export function parsePeerIp(text: string): Ip | undefined {
  const scopeAt = text.indexOf("%");
  return parseIp(scopeAt < 0 ? text : text.slice(0, scopeAt));
}

/**
 * Converts an IPv4-mapped IPv6 address (`::ffff:a.b.c.d`, RFC 4291 section 2.5.5.2), as a
 * dual-stack listener reports its IPv4 clients, to IPv4; returns any other address unchanged.
 */
export function unmapped(bytes: Ip): Ip {
  if (bytes.length !== 16 || bytes[10] !== 0xff || bytes[11] !== 0xff) return bytes;
  for (let i = 0; i < 10; i++) if (bytes[i] !== 0) return bytes;
  return bytes.subarray(12);
}

/** Formats an address, IPv6 in the canonical form of RFC 5952; `-` for no address (no bytes). */
export function formatIp(bytes: Ip): string {
  if (bytes.length === 0) return "-";
  if (bytes.length === 4) return bytes.join(".");
  const view = new DataView(bytes.buffer, bytes.byteOffset, 16);
  const parts = Array.from({ length: 8 }, (_, i) => view.getUint16(i * 2));
  // The longest run of two or more zero words becomes "::", the first one if there are several.
  let start = -1, length = 1;
  for (let i = 0; i < 8; i++) {
    let n = 0;
    while (i + n < 8 && parts[i + n] === 0) n++;
    if (n > length) [start, length] = [i, n];
    i += n;
  }
  const hex = parts.map((part) => part.toString(16));
  if (start < 0) return hex.join(":");
  return `${hex.slice(0, start).join(":")}::${hex.slice(start + length).join(":")}`;
}

/** Formats the address of a peer as Deno returns it, IPv4-mapped IPv6 addresses as IPv4. */
export function peerText(address: string): string {
  return address.startsWith("::ffff:") ? formatIp(parseIp(address) ?? new Uint8Array(4)) : address;
}
