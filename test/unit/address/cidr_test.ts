import { assertEquals, assertThrows } from "@std/assert";
import { parseCidr } from "../../../lib/address/cidr.ts";
import { parseIp } from "../../../lib/address/ip.ts";
import { UsageError } from "../../../lib/base/errors.ts";
import { CIDR_CASES, INVALID_CIDRS } from "../../helpers/cidr_cases.ts";
import { t } from "../../helpers/t.ts";

const PURE = { permissions: "none" } as const;

t("parseCidr() matches the addresses in a range and no others", () => {
  for (const { range, address, isIn } of CIDR_CASES) {
    assertEquals(parseCidr(range)(parseIp(address)!), isIn, `${address} in ${range}`);
  }
}, PURE);

t("parseCidr() refuses an invalid range with its text and the reason", () => {
  for (const { range, reason } of INVALID_CIDRS) {
    const error = assertThrows(() => parseCidr(range), UsageError);
    assertEquals(error.message, `invalid range [${range}]: ${reason}`);
  }
}, PURE);
