import { assertEquals } from "@std/assert";
import {
  HEADER_FAULTS,
  type HeaderFault,
  MAX_HEADER_BYTES,
  type ParsedHeader,
} from "../../../lib/proxy_protocol/header.ts";
import { parseHeader } from "../../../lib/proxy_protocol/parse_header.ts";
import { joinBytes } from "../../../lib/base/bytes.ts";
import {
  CRC32C,
  decode,
  NOOP,
  UNIQUE_ID,
  v1,
  v2,
  v2Local,
  v2Raw,
} from "../../helpers/proxy_protocol/reference.ts";
import { mutant } from "../../helpers/proxy_protocol/mutants.ts";
import { formatIp, parseIp } from "../../../lib/address/ip.ts";
import { t } from "../../helpers/t.ts";

const V4 = [{ address: "192.0.2.1", port: 56324 }, { address: "198.51.100.7", port: 443 }] as const;
const V6 = [{ address: "2001:db8::1", port: 1 }, { address: "::1", port: 65535 }] as const;
const PAYLOAD = bytes("GET / HTTP/1.1\r\nHost: PROXY TCP4\r\n\r\n");
const MORE = "more";

function bytes(text: string): Uint8Array {
  return Uint8Array.from(text, (char) => char.charCodeAt(0));
}

/** What the reference finds, as {@linkcode short}; `undefined` if it finds a fault. */
function referenceOf(input: Uint8Array): string | undefined {
  try {
    const { length, source, destination } = decode(input)!;
    if (length > MAX_HEADER_BYTES) return "too_long";
    if (source === undefined || destination === undefined) return `${length} local`;
    return [length, ipv4(source.address), source.port, ipv4(destination.address), destination.port]
      .join(" ");
  } catch {
    return undefined;
  }
}

/** An address in the form that balance uses. */
function ipv4(address: string): string {
  return formatIp(parseIp(address)!);
}

/** A parsed header in short. */
function short(parsed: ParsedHeader): string {
  if (parsed === undefined) return MORE;
  if (typeof parsed === "string") return parsed;
  const { length, connection } = parsed;
  if (connection === undefined) return `${length} local`;
  const { client, listener } = connection;
  return `${length} ${client.address} ${client.port} ${listener.address} ${listener.port}`;
}

/** Headers, and what they mean. */
const HEADERS: readonly [header: Uint8Array, meaning: string][] = [
  [v1(...V4), "192.0.2.1 56324 198.51.100.7 443"],
  [v1(...V6), "2001:db8::1 1 ::1 65535"],
  [bytes("PROXY TCP4 0.0.0.0 255.255.255.255 0 65535\r\n"), "0.0.0.0 0 255.255.255.255 65535"],
  [bytes("PROXY TCP6 2001:DB8:0:0:0:0:0:A ::FFFF:10.0.0.1 1 2\r\n"), "2001:db8::a 1 10.0.0.1 2"],
  [bytes("PROXY UNKNOWN\r\n"), "local"],
  [bytes("PROXY UNKNOWN \r\n"), "local"],
  [bytes(`PROXY UNKNOWN ${"f".repeat(91)}\r\n`), "local"],
  [v2(...V4), "192.0.2.1 56324 198.51.100.7 443"],
  [v2(...V6), "2001:db8::1 1 ::1 65535"],
  [v2(...V4, { crc: true }), "192.0.2.1 56324 198.51.100.7 443"],
  [
    v2(...V6, { crc: true, tlvs: [{ type: NOOP, value: new Uint8Array(400) }] }),
    "2001:db8::1 1 ::1 65535",
  ],
  [
    v2(...V4, {
      tlvs: [{ type: UNIQUE_ID, value: bytes("17") }, { type: 0xee, value: bytes("") }],
    }),
    "192.0.2.1 56324 198.51.100.7 443",
  ],
  [
    v2({ address: "::ffff:10.0.0.1", port: 1 }, { address: "::ffff:10.0.0.2", port: 2 }),
    "10.0.0.1 1 10.0.0.2 2",
  ],
  [v2Local(), "local"],
  [v2Local([{ type: NOOP, value: new Uint8Array(3) }]), "local"],
  // The block of LOCAL is ignored, whatever it is.
  [v2Raw({ byte13: 0x20, byte14: 0x11, body: new Uint8Array(12) }), "local"],
  [v2Raw({ byte13: 0x20, byte14: 0xff, body: new Uint8Array(5).fill(9) }), "local"],
  [v2Raw({ byte13: 0x20, byte14: 0x21, body: new Uint8Array(3).fill(3) }), "local"],
  // Unspecified, datagrams and Unix sockets: the real addresses count.
  [v2Raw({ byte13: 0x21, byte14: 0x00, body: new Uint8Array(7).fill(255) }), "local"],
  [v2Raw({ byte13: 0x21, byte14: 0x12, body: new Uint8Array(12) }), "local"],
  [v2Raw({ byte13: 0x21, byte14: 0x10, body: new Uint8Array(12) }), "local"],
  [v2Raw({ byte13: 0x21, byte14: 0x31, body: new Uint8Array(216) }), "local"],
  [v2Raw({ byte13: 0x21, byte14: 0x31, body: new Uint8Array(216), crc: true }), "local"],
];

t("parseHeader() accepts each header at any split, and takes none of what follows", () => {
  for (const [header, meaning] of HEADERS) {
    const input = joinBytes([header, PAYLOAD]), whole = `${header.length} ${meaning}`;
    for (let length = 0; length < header.length; length++) {
      assertEquals(short(parseHeader(input.slice(0, length))), MORE, `${length} of ${whole}`);
    }
    for (let length = header.length; length <= input.length; length++) {
      assertEquals(short(parseHeader(input.slice(0, length))), whole);
    }
  }
}, { permissions: "none" });

const checksum = v2(...V4, { crc: true });
const broken = checksum.slice();
broken[20]! ^= 1;
const wrongLocal = v2Raw({ byte13: 0x20, byte14: 0, body: new Uint8Array(), crc: true });
wrongLocal[wrongLocal.length - 1]! ^= 1;

/** What is refused, and why. */
const FAULTS: readonly [input: Uint8Array, fault: HeaderFault][] = [
  [bytes("G"), "not_a_header"],
  [bytes("PROXZ"), "not_a_header"],
  [bytes("proxy TCP4"), "not_a_header"],
  [bytes("\r\n\r\n\0\r\nQUIT\r"), "not_a_header"],
  [bytes(`PROXY UNKNOWN ${"f".repeat(92)}\r\n`), "too_long"],
  [bytes(`PROXY TCP4 ${"1".repeat(96)}`), "too_long"],
  [bytes("PROXY TCP4 1.2.3.4 1.2.3.4 1 2\n"), "bad_line"],
  [bytes("PROXY TCP4 1.2.3.4 1.2.3.4 1 2\rx"), "bad_line"],
  [bytes("PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n"), "bad_line"],
  [bytes("PROXY TCP4 1.2.3.4 1.2.3.4 1 2 3\r\n"), "bad_line"],
  [bytes("PROXY TCP4 1.2.3.4 1.2.3.4 1 2 \r\n"), "bad_line"],
  [bytes("PROXY TCP4\r\n"), "bad_line"],
  [bytes("PROXY \r\n"), "bad_family"],
  [bytes("PROXY TCP5 1.2.3.4 1.2.3.4 1 2\r\n"), "bad_family"],
  [bytes("PROXY UDP4 1.2.3.4 1.2.3.4 1 2\r\n"), "bad_family"],
  [bytes("PROXY UNKNOWNX\r\n"), "bad_family"],
  [bytes("PROXY TCP4  1.2.3.4 1.2.3.4 1\r\n"), "bad_address"],
  [bytes("PROXY TCP4 1.2.3.4 1.2.3.4 01 2\r\n"), "bad_address"],
  [bytes("PROXY TCP4 1.2.3.4 1.2.3.4 1 65536\r\n"), "bad_address"],
  [bytes("PROXY TCP4 1.2.3.4 1.2.3.4 -1 2\r\n"), "bad_address"],
  [bytes("PROXY TCP4 1.2.3.4 1.2.3.4 0x1 2\r\n"), "bad_address"],
  [bytes("PROXY TCP4 1.2.3.04 1.2.3.4 1 2\r\n"), "bad_address"],
  [bytes("PROXY TCP4 1.2.3.256 1.2.3.4 1 2\r\n"), "bad_address"],
  [bytes("PROXY TCP4 1.2.3 1.2.3.4 1 2\r\n"), "bad_address"],
  [bytes("PROXY TCP4 ::1 ::1 1 2\r\n"), "bad_address"],
  [bytes("PROXY TCP6 1.2.3.4 1.2.3.4 1 2\r\n"), "bad_address"],
  [bytes("PROXY TCP6 ::1 fe80::1%eth0 1 2\r\n"), "bad_address"],
  [bytes("PROXY TCP6 [::1] ::1 1 2\r\n"), "bad_address"],
  [bytes("PROXY TCP4 1.2.3.4\0 1.2.3.4 1 2\r\n"), "bad_address"],
  [v2Raw({ byte13: 0x11, byte14: 0x11, body: new Uint8Array(12) }), "bad_version"],
  [v2Raw({ byte13: 0x31, byte14: 0x11, body: new Uint8Array(12) }), "bad_version"],
  [v2Raw({ byte13: 0x22, byte14: 0x11, body: new Uint8Array(12) }), "bad_command"],
  [v2Raw({ byte13: 0x2f, byte14: 0x11, body: new Uint8Array(12) }), "bad_command"],
  [v2Raw({ byte13: 0x21, byte14: 0x41, body: new Uint8Array(12) }), "bad_family"],
  [v2Raw({ byte13: 0x21, byte14: 0x13, body: new Uint8Array(12) }), "bad_family"],
  [v2Raw({ byte13: 0x21, byte14: 0x11, body: new Uint8Array(11) }), "bad_length"],
  [v2Raw({ byte13: 0x21, byte14: 0x21, body: new Uint8Array(35) }), "bad_length"],
  [v2Raw({ byte13: 0x21, byte14: 0x31, body: new Uint8Array(215) }), "bad_length"],
  [v2Raw({ byte13: 0x21, byte14: 0x11, body: new Uint8Array(14) }), "bad_length"],
  [
    v2Raw({
      byte13: 0x21,
      byte14: 0x11,
      body: joinBytes([new Uint8Array(12), bytes("\x04\0\x05abcd")]),
    }),
    "bad_length",
  ],
  [v2(...V4, { tlvs: [{ type: CRC32C, value: new Uint8Array(3) }] }), "bad_length"],
  [broken, "bad_checksum"],
  [wrongLocal, "bad_checksum"],
  [v2(...V6, { tlvs: [{ type: CRC32C, value: new Uint8Array(4) }] }), "bad_checksum"],
  // Refused at once, before the bytes that it announces.
  [v2Raw({ byte13: 0x21, byte14: 0x11, body: new Uint8Array(), length: 521 }), "too_long"],
  [v2Raw({ byte13: 0x20, byte14: 0x00, body: new Uint8Array(), length: 65535 }), "too_long"],
];

t("parseHeader() refuses what is no header, and names the fault", () => {
  for (const [input, fault] of FAULTS) {
    assertEquals(short(parseHeader(input)), fault, JSON.stringify(String.fromCharCode(...input)));
    assertEquals(short(parseHeader(joinBytes([input, new Uint8Array(600)]))), fault);
  }
  const parsed = new Set(FAULTS.map(([, fault]) => fault));
  assertEquals(HEADER_FAULTS.filter((one) => !parsed.has(one)), ["timeout", "closed"]);
}, { permissions: "none" });

t("parseHeader() accepts a header of 536 bytes", () => {
  const header = v2(...V4, { tlvs: [{ type: NOOP, value: new Uint8Array(536 - 31) }] });
  assertEquals([header.length, short(parseHeader(header))], [
    MAX_HEADER_BYTES,
    "536 192.0.2.1 56324 198.51.100.7 443",
  ]);
}, { permissions: "none" });

t("100,000 mutated headers: never a wait beyond the limit, the same result at any split", () => {
  const seeds = HEADERS.map(([header]) => header), found = new Map<string, number>();
  for (let i = 0; i < 100_000; i++) {
    const input = joinBytes([mutant(seeds, i), PAYLOAD, new Uint8Array(MAX_HEADER_BYTES)]);
    const parsed = parseHeader(input);
    if (parsed === undefined) throw new Error(`waits for more: ${input.toHex()}`);
    const split = i * 31 % (typeof parsed === "string" ? 16 : parsed.length);
    const early = parseHeader(input.subarray(0, split));
    // What is certain early stays; a header is never accepted before its last byte.
    if (early !== undefined) assertEquals(early, parsed, input.toHex());
    if (typeof parsed === "object") assertEquals(early, undefined);
    if (typeof parsed !== "object" || parsed.connection) {
      assertEquals(short(parsed), referenceOf(input) ?? parsed, input.toHex());
    }
    const key = typeof parsed === "string" ? parsed : parsed.connection ? "accepted" : "local";
    found.set(key, (found.get(key) ?? 0) + 1);
  }
  // The mutations are of use only if they reach everything.
  const kinds = [...HEADER_FAULTS.slice(2), "accepted", "local"].sort();
  assertEquals([...found.keys()].sort(), kinds);
  for (const [kind, count] of found) if (count < 100) throw new Error(`${count} times ${kind}`);
}, { permissions: "none" });
