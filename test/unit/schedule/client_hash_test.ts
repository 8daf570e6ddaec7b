import { assertEquals } from "@std/assert";
import { parseIp } from "../../../lib/address/ip.ts";
import { clientHash } from "../../../lib/schedule/client_hash.ts";
import { t } from "../../helpers/t.ts";

const PURE = { permissions: "none" } as const;

function hashOf(address: string): number {
  const bytes = parseIp(address);
  if (bytes === undefined) throw new TypeError(`${address} is not an address`);
  return clientHash(bytes);
}

/** The formula of 3.35, in integers that cannot overflow. */
function slowHash(bytes: Uint8Array): number {
  let h = 0n;
  for (const octet of bytes) h = h * 31n + BigInt(octet > 127 ? octet - 256 : octet);
  return Number(BigInt.asUintN(32, h));
}

t("clientHash() of IPv4 addresses equals that of 3.35, which uses signed octets", () => {
  assertEquals(hashOf("127.0.0.1"), 3783458);
  assertEquals(hashOf("127.200.3.4"), 3729738);
  assertEquals(hashOf("127.128.0.1"), 3660450);
  assertEquals(hashOf("0.0.0.0"), 0);
  // A negative value wraps to an unsigned number.
  assertEquals(hashOf("255.255.255.255"), 2 ** 32 - 30784);
  assertEquals(hashOf("0.0.0.255"), 2 ** 32 - 1);
}, PURE);

t(
  "clientHash() agrees with the formula for every octet at every position, with IPv4 and IPv6",
  () => {
    for (const length of [4, 16]) {
      for (let place = 0; place < length; place++) {
        for (let octet = 0; octet < 256; octet++) {
          const bytes = new Uint8Array(length).fill(170);
          bytes[place] = octet;
          assertEquals(clientHash(bytes), slowHash(bytes), `${bytes}`);
        }
      }
    }
  },
  PURE,
);

t("clientHash() of an IPv4-mapped address equals that of its IPv4 address", () => {
  assertEquals(hashOf("::ffff:127.0.0.1"), hashOf("127.0.0.1"));
}, PURE);
