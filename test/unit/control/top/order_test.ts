import { assertEquals } from "@std/assert";
import { readTopKey, sortedBy, TOP_ORDERS } from "../../../../lib/control/top/order.ts";
import { t } from "../../../helpers/t.ts";

const PURE = { permissions: "none" } as const;

t("sort keys of top may be abbreviated; choosing the same key again reverses the order", () => {
  assertEquals(["n", "conns", "r", "rc", "se", "age"].map(readTopKey), [
    "number",
    "conns",
    "rate",
    "rcvd",
    "sent",
    "age",
  ]);
  assertEquals(["", "x", "rates", "--json"].map(readTopKey), Array(4).fill(undefined));
  const rate = sortedBy(TOP_ORDERS, "rate");
  assertEquals(rate.channels, { key: "rate", reversed: false });
  assertEquals(rate.connections, { key: "rate", reversed: false });
  assertEquals(sortedBy(rate, "rate").connections, { key: "rate", reversed: true });
  assertEquals(sortedBy(sortedBy(rate, "rate"), "rate"), rate);
  // A key that a list does not have leaves its order unchanged.
  assertEquals(sortedBy(TOP_ORDERS, "conns").connections, TOP_ORDERS.connections);
  assertEquals(sortedBy(TOP_ORDERS, "age").channels, TOP_ORDERS.channels);
}, PURE);
