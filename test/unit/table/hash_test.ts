import { assertEquals } from "@std/assert";
import { parseIp } from "../../../lib/address/ip.ts";
import { hash } from "../../../lib/table/hash.ts";
import { t } from "../../helpers/t.ts";

const PURE = { permissions: "none" } as const;

function hashOf(address: string): number {
  const bytes = parseIp(address);
  if (bytes === undefined) throw new TypeError(`${address} is no address`);
  return hash(bytes);
}

/** The formula of the specification, in integers that cannot overflow. */
function slowHash(bytes: Uint8Array): number {
  let h = 0n;
  for (const octet of bytes) h = h * 31n + BigInt(octet > 127 ? octet - 256 : octet);
  return Number(BigInt.asUintN(32, h));
}

t("hash() of IPv4 addresses is that of 3.35, whose octets have a sign", () => {
  assertEquals(hashOf("127.0.0.1"), 3783458);
  assertEquals(hashOf("127.200.3.4"), 3729738);
  assertEquals(hashOf("127.128.0.1"), 3660450);
  assertEquals(hashOf("0.0.0.0"), 0);
  // Below zero it wraps to an unsigned number.
  assertEquals(hashOf("255.255.255.255"), 2 ** 32 - 30784);
  assertEquals(hashOf("0.0.0.255"), 2 ** 32 - 1);
}, PURE);

t("hash() agrees with the formula for every octet in every place, IPv6 included", () => {
  for (const length of [4, 16]) {
    for (let place = 0; place < length; place++) {
      for (let octet = 0; octet < 256; octet++) {
        const bytes = new Uint8Array(length).fill(170);
        bytes[place] = octet;
        assertEquals(hash(bytes), slowHash(bytes), `${bytes}`);
      }
    }
  }
}, PURE);

t("hash() of an IPv4-mapped client is that of its IPv4 address", () => {
  assertEquals(hashOf("::ffff:127.0.0.1"), hashOf("127.0.0.1"));
}, PURE);
