import { assertEquals, assertThrows } from "@std/assert";
import { changedSince, stillForgotten } from "../../../lib/state/forgotten.ts";
import { NO_CHANGES, readState } from "../../../lib/state/record.ts";
import { t } from "../../helpers/t.ts";

const PURE = { permissions: "none" } as const;

t("limits that an operator set are read as they were written, and nothing else is", () => {
  const ranges = { "10.0.0.0/8": "deny", "::1/128": "removed" } as const;
  const admission = { perClient: 3, rates: { acceptRate: 0, clientRate: 7 }, ranges };
  const state = { ...NO_CHANGES, admission, forgottenAdmission: { perClient: 3 } };
  assertEquals(readState(JSON.parse(JSON.stringify(state))), state);
  for (
    const wrong of [
      { perClient: -1 },
      { perClient: "3" },
      { perClient: 1_000_001 },
      { rates: 5 },
      { rates: { acceptRate: 5 } },
      { ranges: ["10.0.0.0/8"] },
      { ranges: { "10.0.0.0/8": "maybe" } },
      { ranges: { "10.0.0.0/33": "deny" } },
      [],
    ]
  ) assertThrows(() => readState({ ...NO_CHANGES, admission: wrong }), Error);
}, PURE);

t("a limit that was forgotten is saved again once it is changed", () => {
  const rates = { acceptRate: 5, clientRate: 0 };
  const forgotten = { ...NO_CHANGES, admission: { perClient: 3, rates } };
  const now = { ...NO_CHANGES, admission: { perClient: 4, rates } };
  assertEquals(stillForgotten(forgotten, now), { ...NO_CHANGES, admission: { rates } });
  assertEquals(changedSince(forgotten, now), { ...NO_CHANGES, admission: { perClient: 4 } });
  assertEquals(changedSince(forgotten, forgotten), NO_CHANGES);
}, PURE);

t("each range that was forgotten is saved again once it is changed", () => {
  const state = (ranges: Readonly<Record<string, "allow" | "deny">>) =>
    ({ ...NO_CHANGES, admission: { ranges } }) as const;
  const forgotten = state({ "10.0.0.0/8": "deny", "::1/128": "deny" });
  const now = state({ "10.0.0.0/8": "deny", "::1/128": "allow", "::2/128": "deny" });
  assertEquals(stillForgotten(forgotten, now), state({ "10.0.0.0/8": "deny" }));
  assertEquals(changedSince(forgotten, now), state({ "::1/128": "allow", "::2/128": "deny" }));
  assertEquals(changedSince(now, now), NO_CHANGES);
}, PURE);
