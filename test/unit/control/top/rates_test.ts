import { assertEquals } from "@std/assert";
import { TOP_ORDERS, type TopKey } from "../../../../lib/control/top/order.ts";
import { ratedChannels } from "../../../../lib/control/top/rates.ts";
import { t } from "../../../helpers/t.ts";
import { BEFORE, BUSY, channel, sampleOf } from "../../../helpers/control/top_samples.ts";

const PURE = { permissions: "none" } as const;

t("channel rates are computed between two samples", () => {
  const [first, second, third] = ratedChannels(BUSY, BEFORE, TOP_ORDERS.channels);
  assertEquals(first?.rates, { conns: 28, sent: 2000, rcvd: 50_000_000 });
  assertEquals(second?.rates, { conns: 0.5, sent: 25, rcvd: 0 });
  assertEquals(third?.rates, { conns: 0, sent: 0, rcvd: 0 });
  const unknown = ratedChannels(BUSY, undefined, TOP_ORDERS.channels);
  assertEquals(unknown.map(({ rates }) => rates), [undefined, undefined, undefined]);
  assertEquals(ratedChannels(BUSY, BUSY, TOP_ORDERS.channels)[0]?.rates, undefined);
}, PURE);

t("a reset counter and a new channel in a freed slot count from zero", () => {
  const then = sampleOf({
    timeMs: 1000,
    channels: [channel(0, { totalc: 100, sent: 5000, rcvd: 5000 }), channel(1, { sent: 7 })],
  });
  const now = sampleOf({
    timeMs: 2000,
    // Channel 0 was reset, 1 was removed, 2 is new.
    channels: [
      channel(0, { totalc: 2, sent: 10, rcvd: 6000 }),
      channel(2, { totalc: 4, sent: 40, rcvd: 400 }),
    ],
  });
  assertEquals(ratedChannels(now, then, TOP_ORDERS.channels).map(({ rates }) => rates), [
    { conns: 2, sent: 10, rcvd: 1000 },
    { conns: 4, sent: 40, rcvd: 400 },
  ]);
}, PURE);

t("channels are sorted by each key, in both directions", () => {
  const then = sampleOf({
    timeMs: 0,
    channels: [0, 1, 2].map((number) => channel(number, { sent: 1, rcvd: 1 })),
  });
  const now = sampleOf({
    timeMs: 1000,
    channels: [
      channel(0, { c: 5, sent: 10, rcvd: 30 }),
      channel(1, { c: 9, sent: 30, rcvd: 5 }),
      channel(2, { c: 7, sent: 20, rcvd: 21 }),
    ],
  });
  const by = (key: TopKey, reversed = false) =>
    ratedChannels(now, then, { key, reversed }).map((one) => one.channel).join("");
  assertEquals(by("number"), "012");
  assertEquals(by("number", true), "210");
  assertEquals(by("conns"), "120");
  assertEquals(by("conns", true), "021");
  assertEquals(by("sent"), "120");
  assertEquals(by("rcvd"), "021");
  assertEquals(by("rate"), "201");
  assertEquals(by("rate", true), "102");
}, PURE);
