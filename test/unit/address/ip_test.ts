import { assertEquals } from "@std/assert";
import { formatIp, parseIp, parseIpv4, parseIpv6, parsePeerIp } from "../../../lib/address/ip.ts";
import { t } from "../../helpers/t.ts";

const PURE = { permissions: "none" } as const;

t("parseIpv4() reads every notation of inet_aton(3)", () => {
  const good: [string, string][] = [
    ["127.0.0.1", "127.0.0.1"],
    ["0", "0.0.0.0"],
    ["0.0.0.0", "0.0.0.0"],
    ["255.255.255.255", "255.255.255.255"],
    ["127.1", "127.0.0.1"],
    ["127.2.3", "127.2.0.3"],
    ["127.65535", "127.0.255.255"],
    ["127.16777215", "127.255.255.255"],
    ["1.2.65535", "1.2.255.255"],
    ["2130706433", "127.0.0.1"],
    ["4294967295", "255.255.255.255"],
    ["0x7f000001", "127.0.0.1"],
    ["0X7F.1", "127.0.0.1"],
    ["017700000001", "127.0.0.1"],
    ["0177.0.0.01", "127.0.0.1"],
    ["127.0.0.010", "127.0.0.8"],
    ["00.00.00.00", "0.0.0.0"],
  ];
  for (const [text, address] of good) {
    const bytes = parseIpv4(text);
    assertEquals(bytes && formatIp(bytes), address, text);
  }
}, PURE);

t("parseIpv4() refuses everything else", () => {
  const bad = [
    "",
    ".",
    "1.",
    ".1",
    "1..2",
    "1.2.3.4.5",
    "256.1.1.1",
    "1.256.1.1",
    "1.2.3.256",
    "1.2.65536",
    "1.16777216",
    "4294967296",
    "0x100000000",
    "0x",
    "08",
    "1.2.3.08",
    "-1",
    "+1",
    "1e3",
    " 127.0.0.1",
    "127.0.0.1 ",
    "127.0.0.1\n",
    "127.0.0.a",
    "१.0.0.1",
    "localhost",
    "::1",
  ];
  for (const text of bad) assertEquals(parseIpv4(text), undefined, JSON.stringify(text));
}, PURE);

t("parseIpv6() reads RFC 4291, and formatIp() writes the canonical form of RFC 5952", () => {
  const good: [string, string][] = [
    ["::", "::"],
    ["::1", "::1"],
    ["1::", "1::"],
    ["2001:db8::5", "2001:db8::5"],
    ["2001:0DB8:0000:0000:0000:0000:0000:0005", "2001:db8::5"],
    ["1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"],
    ["1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"],
    ["::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"],
    // "::" replaces the longest run of zero words, the first of equals, never a single word.
    ["2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"],
    ["2001:0:0:1:0:0:0:1", "2001:0:0:1::1"],
    ["2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
    ["1:0:0:2:0:0:0:0", "1:0:0:2::"],
    ["::10.0.0.1", "::a00:1"],
    ["64:ff9b::192.0.2.33", "64:ff9b::c000:221"],
    ["1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304"],
    ["::ffff:10.0.0.1", "::ffff:a00:1"],
  ];
  for (const [text, canonical] of good) {
    const bytes = parseIpv6(text);
    assertEquals(bytes && formatIp(bytes), canonical, text);
    assertEquals(formatIp(parseIpv6(canonical) ?? new Uint8Array(4)), canonical);
  }
}, PURE);

t("parseIpv6() refuses everything else", () => {
  const bad = [
    "",
    ":",
    ":::",
    "1",
    "1:2:3:4:5:6:7",
    "1:2:3:4:5:6:7:8:9",
    "1::2::3",
    "1::07.122.53.117",
    "::1.2.3.04",
    "::0x1.2.3.4",
    "::1::",
    ":1:2:3:4:5:6:7:8",
    "1:2:3:4:5:6:7:",
    "1:2:3:4::5:6:7:8",
    "12345::",
    "g::",
    "::1%lo",
    "[::1]",
    " ::1",
    "::1.2.3",
    "::1.2.3.256",
    "::1.2.3.4:5",
    "1.2.3.4::",
    "1:2:3:4:5:6:7:1.2.3.4",
    "::-1",
  ];
  for (const text of bad) assertEquals(parseIpv6(text), undefined, JSON.stringify(text));
}, PURE);

t("parseIp() returns an IPv4-mapped address as IPv4, but no other IPv6 address", () => {
  const bytesOf = (text: string) => [...parseIp(text) ?? []];
  assertEquals(bytesOf("::ffff:10.0.0.1"), [10, 0, 0, 1]);
  assertEquals(bytesOf("::ffff:0a00:1"), [10, 0, 0, 1]);
  assertEquals(bytesOf("127.1"), [127, 0, 0, 1]);
  assertEquals(bytesOf("::fffe:10.0.0.1").length, 16);
  assertEquals(bytesOf("::1:ffff:10.0.0.1").length, 16);
  assertEquals(bytesOf("::10.0.0.1").length, 16);
  assertEquals(bytesOf("no"), []);
}, PURE);

t("parsePeerIp() ignores a scope, which parseIp() refuses", () => {
  assertEquals(parsePeerIp("fe80::1%eth0"), parseIp("fe80::1"));
  assertEquals(parsePeerIp("10.0.0.1"), parseIp("10.0.0.1"));
  assertEquals([parseIp("fe80::1%eth0"), parsePeerIp("no%eth0")], [undefined, undefined]);
}, PURE);

t("formatIp() reads its bytes at an offset of a larger buffer", () => {
  const bytes = new Uint8Array(40);
  bytes[20 + 15] = 1;
  assertEquals(formatIp(bytes.subarray(20, 36)), "::1");
  assertEquals(formatIp(bytes.subarray(20, 24)), "0.0.0.0");
}, PURE);
