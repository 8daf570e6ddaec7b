import { assertEquals } from "@std/assert";
import { formatIp, parseIp } from "../../../lib/address/ip.ts";
import { changeText, isSameHost, knownOf, placesOf } from "../../../lib/names/answer.ts";
import { nextAskMs } from "../../../lib/names/interval.ts";
import { t } from "../../helpers/t.ts";

const PURE = { permissions: "none" } as const;

function found(...addresses: string[]) {
  return { addresses: addresses.map((text) => parseIp(text)!), targets: [], ttlS: 1 };
}

t("a name keeps its address as long as that is among the answers", () => {
  const first = knownOf(found("2001:db8::1", "10.0.0.2", "10.0.0.1"), { isAll: false });
  assertEquals(first.addresses.map(formatIp), ["10.0.0.2"]);
  const turned = knownOf(found("10.0.0.1", "10.0.0.2"), { isAll: false, before: first });
  assertEquals(isSameHost(first, turned), true);
  const moved = knownOf(found("10.0.0.1"), { isAll: false, before: first });
  assertEquals(changeText(first, moved, { isAll: false }), "10.0.0.2 is now 10.0.0.1");
}, PURE);

t("answers in another order are the same", () => {
  const one = knownOf(found("10.0.0.2", "10.0.0.1", "::1"), { isAll: true });
  const other = knownOf(found("::1", "10.0.0.1", "10.0.0.2"), { isAll: true });
  assertEquals(isSameHost(one, other), true);
  assertEquals(placesOf(other), ["10.0.0.1", "10.0.0.2", "::1"]);
  const fewer = knownOf(found("10.0.0.3", "10.0.0.2"), { isAll: true });
  const text = "added 10.0.0.3; removed 10.0.0.1, ::1";
  assertEquals(changeText(one, fewer, { isAll: true }), text);
}, PURE);

t("a target of a service keeps its address if it has none for a while", () => {
  const target = { target: "a.test", port: 80, priority: 0, weight: 1 };
  const service = (...addresses: string[]) => ({
    addresses: [],
    targets: [{ ...target, addresses: addresses.map((text) => parseIp(text)!) }],
    ttlS: 1,
  });
  const first = knownOf(service("10.0.0.1"), { isAll: false });
  const without = knownOf(service(), { isAll: false, before: first });
  assertEquals(isSameHost(first, without), true);
  assertEquals(placesOf(without), ["a.test:80 (10.0.0.1)"]);
}, PURE);

t("nextAskMs() varies intervals down and times to live up, within their bounds", () => {
  assertEquals(nextAskMs(10, { random: 0 }), 10_000);
  assertEquals(nextAskMs(10, { ttlS: 1, random: 1 }), 9000);
  assertEquals(nextAskMs(3600, { random: 1 }), 3_595_000);
  assertEquals(nextAskMs("ttl", { ttlS: 0, random: 0 }), 1000);
  assertEquals(nextAskMs("ttl", { ttlS: 30, random: 1 }), 33_000);
  assertEquals(nextAskMs("ttl", { ttlS: 2 ** 31 - 1, random: 0 }), 3_600_000);
  assertEquals(nextAskMs("ttl", { random: 0 }), 5000);
}, PURE);
