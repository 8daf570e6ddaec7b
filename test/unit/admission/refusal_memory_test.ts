import { assertEquals } from "@std/assert";
import { newRefusalMemory, RefusalMemory } from "../../../lib/admission/refusal_memory.ts";
import { t } from "../../helpers/t.ts";

const PURE = { permissions: "none" } as const;

t("a client is reported once per minute and reason, whichever isolate refuses it", () => {
  let now = 1_000_000;
  const { buffer } = newRefusalMemory();
  const [a, b] = [0, 1].map(() => new RefusalMemory(buffer, () => now)) as [
    RefusalMemory,
    RefusalMemory,
  ];
  assertEquals(a.isDue("10.0.0.1", "denied"), true);
  assertEquals(b.isDue("10.0.0.1", "denied"), false);
  assertEquals(b.isDue("10.0.0.1", "client limit"), true);
  assertEquals(b.isDue("10.0.0.2", "denied"), true);
  now += 59_000;
  assertEquals(a.isDue("10.0.0.1", "denied"), false);
  now += 1000;
  assertEquals(a.isDue("10.0.0.1", "denied"), true);
  assertEquals(a.isDue("10.0.0.1", "denied"), false);
  // The time of the system was set back: rather a line too many than none for long.
  now -= 3_600_000;
  assertEquals(a.isDue("10.0.0.1", "denied"), true);
}, PURE);

t("IPv6 clients with the same first 64 bits are one client", () => {
  const memory = newRefusalMemory();
  assertEquals(memory.isDue("2001:db8::1", "denied"), true);
  assertEquals(memory.isDue("2001:db8::2", "denied"), false);
  assertEquals(memory.isDue("2001:db8:0:1::1", "denied"), true);
  assertEquals(memory.isDue("fe80::1%eth0", "denied"), true);
  assertEquals(memory.isDue("fe80::1%eth1", "denied"), false);
}, PURE);

t("which clients are mistaken for each other depends on a secret", () => {
  // With the hash of before (FNV-1a), these two had the same one.
  const [one, other] = ["2001:db8:1026:1ab8::1", "2001:db8:de9e:cb55::1"] as const;
  for (let i = 0; i < 3; i++) {
    const memory = newRefusalMemory();
    assertEquals([memory.isDue(one, "denied"), memory.isDue(other, "denied")], [true, true]);
  }
}, PURE);

t("more clients than there is room for are all reported, and the latest ones once", () => {
  let now = 1_000_000;
  const memory = new RefusalMemory(newRefusalMemory().buffer, () => now);
  let reports = 0;
  for (let i = 0; i < 100_000; i++) {
    if (i % 100 === 0) now += 100;
    if (memory.isDue(`10.${i >> 16}.${i >> 8 & 255}.${i & 255}`, "denied")) reports++;
  }
  // No two addresses of IPv4 are mistaken for each other.
  assertEquals(reports, 100_000);
  let again = 0;
  for (let i = 99_000; i < 100_000; i++) {
    if (memory.isDue(`10.${i >> 16}.${i >> 8 & 255}.${i & 255}`, "denied")) again++;
  }
  assertEquals(again, 0);
}, PURE);

t("refusals are counted over all isolates", () => {
  const memory = newRefusalMemory(), other = new RefusalMemory(memory.buffer);
  memory.count("denied");
  other.count("denied");
  other.count("client rate");
  assertEquals([memory.counted("denied"), memory.counted("client rate")], [2, 1]);
  assertEquals(memory.counted("client limit"), 0);
}, PURE);
