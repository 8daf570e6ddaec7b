import { assertEquals, assertThrows } from "@std/assert";
import { changedSince, stillForgotten } from "../../../lib/state/forgotten.ts";
import { NO_CHANGES, readState } from "../../../lib/state/record.ts";
import { t } from "../../helpers/t.ts";

const PURE = { permissions: "none" } as const;

t("limits that an operator set are read as they were written, and nothing else is", () => {
  const admission = { perClient: 3, rates: { acceptRate: 0, clientRate: 7 } };
  const state = { ...NO_CHANGES, admission, forgottenAdmission: { perClient: 3 } };
  assertEquals(readState(JSON.parse(JSON.stringify(state))), state);
  for (
    const wrong of [
      { perClient: -1 },
      { perClient: "3" },
      { perClient: 1_000_001 },
      { rates: 5 },
      { rates: { acceptRate: 5 } },
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
