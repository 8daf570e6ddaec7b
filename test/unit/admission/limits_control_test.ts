import { assertEquals } from "@std/assert";
import { NO_LIMITS } from "../../../lib/admission/client_limits.ts";
import { formatRates, parseRates } from "../../../lib/admission/limit_texts.ts";
import { LimitsControl } from "../../../lib/admission/limits_control.ts";
import { t } from "../../helpers/t.ts";

const PURE = { permissions: "none" } as const;
const SIZE = { workers: 1, connections: 10 };

t("rates: N or N/CLIENT, as they are written, and nothing else", () => {
  for (const text of ["0", "1", "20", "0/5", "1000000/1000000"]) {
    assertEquals(formatRates(parseRates(text)!), text);
  }
  assertEquals(formatRates(parseRates("7/0")!), "7");
  for (
    const text of [
      "",
      "/",
      "/5",
      "5/",
      "-1",
      "1.5",
      "1/2/3",
      "1000001",
      "x",
      "5/x",
      "0x1",
      " 1",
      "+1",
      "1/+1",
      "1 ",
    ]
  ) {
    assertEquals(parseRates(text), undefined, text);
  }
}, PURE);

t("what an operator has set stays over a reload, unless that option changes", () => {
  const configured = { perClient: 5, acceptRate: 10, clientRate: 2 };
  const control = new LimitsControl(configured, SIZE);
  assertEquals([control.inForce, control.changes], [configured, {}]);
  control.apply({ perClient: 7 });
  control.apply({ rates: { acceptRate: 0, clientRate: 3 } });
  const changed = { perClient: 7, acceptRate: 0, clientRate: 3 };
  assertEquals(control.inForce, changed);
  control.configure(configured);
  assertEquals(control.inForce, changed);
  control.configure({ ...configured, perClient: 6 });
  assertEquals(control.inForce, { ...changed, perClient: 6 });
  assertEquals(control.changes, { rates: { acceptRate: 0, clientRate: 3 } });
  // One part of the rate is the other part of the same option.
  control.configure({ perClient: 6, acceptRate: 10, clientRate: 4 });
  assertEquals(control.inForce, { perClient: 6, acceptRate: 10, clientRate: 4 });
}, PURE);

t("a limit as configured is no change, also when that comes later", () => {
  const control = new LimitsControl({ ...NO_LIMITS, perClient: 5 }, SIZE);
  control.apply({ perClient: 5, rates: { acceptRate: 0, clientRate: 0 } });
  assertEquals(control.changes, {});
  control.apply({ perClient: 0 });
  assertEquals([control.changes, control.isLimited], [{ perClient: 0 }, false]);
  control.configure(NO_LIMITS);
  assertEquals(control.changes, {});
  control.configure({ ...NO_LIMITS, clientRate: 1 });
  assertEquals([control.isLimited, control.inForce.perClient], [true, 0]);
}, PURE);
