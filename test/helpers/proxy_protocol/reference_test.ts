/** The reference itself: examples and limits that the specification names. */

import { assertEquals, assertThrows } from "@std/assert";
import { joinBytes } from "../../../lib/base/bytes.ts";
import { t } from "../t.ts";
import { crc32c, decode, NOOP, UNIQUE_ID, v1, v2, v2Local, v2Raw } from "./reference.ts";

const NONE = { permissions: "none" } as const;
const V4 = [{ address: "192.0.2.1", port: 56324 }, { address: "198.51.100.7", port: 443 }] as const;
const V6 = [{ address: "2001:db8::1", port: 1 }, { address: "::1", port: 65535 }] as const;
const text = (value: string) => new TextEncoder().encode(value);

t("crc32c() gives the check value of the algorithm", () => {
  assertEquals(crc32c(text("123456789")), 0xe3069283);
}, NONE);

t("v1() and decode() know the longest lines of the specification", () => {
  const all = { address: "255.255.255.255", port: 65535 };
  const full = { address: "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", port: 65535 };
  assertEquals([v1(all, all).length, v1(full, full).length], [56, 104]);
  const worst = text(`PROXY UNKNOWN ${full.address} ${full.address} 65535 65535\r\n`);
  assertEquals([worst.length, decode(worst)?.length], [107, 107]);
  assertEquals(decode(worst)?.command, "LOCAL");
  assertEquals(decode(text("PROXY UNKNOWN\r\nGET /"))?.length, 15);
}, NONE);

t("v2() puts every field where the specification has it", () => {
  assertEquals(
    v2(...V4).toHex(),
    "0d0a0d0a000d0a515549540a" + "21" + "11" + "000c" + "c0000201" + "c6336407" + "dc04" + "01bb",
  );
  assertEquals(
    v2(...V6).toHex(),
    "0d0a0d0a000d0a515549540a" + "21" + "21" + "0024" +
      "20010db8000000000000000000000001" + "00000000000000000000000000000001" + "0001" + "ffff",
  );
  assertEquals(v2Local().toHex(), "0d0a0d0a000d0a515549540a" + "20" + "00" + "0000");
}, NONE);

t("decode() reads what the encoders write, at any split", () => {
  const tlvs = [{ type: NOOP, value: new Uint8Array(9) }, { type: UNIQUE_ID, value: text("17") }];
  for (const [source, destination] of [V4, V6]) {
    for (
      const header of [
        v1(source, destination),
        v2(source, destination),
        v2(source, destination, { tlvs }),
        v2(source, destination, { tlvs, crc: true }),
      ]
    ) {
      for (let i = 0; i < header.length; i++) {
        assertEquals(decode(header.subarray(0, i)), undefined);
      }
      const found = decode(joinBytes([header, text("payload")]));
      assertEquals(found?.source, source);
      assertEquals(found?.destination, destination);
      assertEquals(found?.length, header.length);
    }
  }
}, NONE);

t("decode() rejects what the specification forbids", () => {
  const [source, destination] = V4;
  const wrongSum = v2(source, destination, { crc: true });
  wrongSum[17]! ^= 1;
  const body = new Uint8Array(12);
  for (
    const bytes of [
      text("GET / HTTP/1.0\r\n"),
      text("PROXY TCP4 1.2.3.4 1.2.3.4 1 65536\r\n"),
      text("PROXY TCP4 1.2.3.4  1.2.3.4 1 1\r\n"),
      text("PROXY TCP4 ::1 ::1 1 1\r\n"),
      text("PROXY TCP4 1.2.3.256 1.2.3.4 1 1\r\n"),
      text("PROXY TCP4 1.2.3.4 1.2.3.4 01 1\r\n"),
      text("PROXY".padEnd(107, " ")),
      wrongSum,
      v2Raw({ byte13: 0x11, byte14: 0x11, body }),
      v2Raw({ byte13: 0x22, byte14: 0x11, body }),
      v2Raw({ byte13: 0x21, byte14: 0x41, body }),
      v2Raw({ byte13: 0x21, byte14: 0x11, body: new Uint8Array(11) }),
      v2Raw({ byte13: 0x21, byte14: 0x11, body: new Uint8Array(14) }),
    ]
  ) assertThrows(() => decode(bytes));
}, NONE);
