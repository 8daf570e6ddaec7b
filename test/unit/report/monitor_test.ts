import { assertEquals } from "@std/assert";
import { monitorOf } from "../../../lib/report/monitor.ts";
import { t } from "../../helpers/t.ts";

const PURE = { permissions: "none" } as const;

t(
  "monitorOf() returns undefined if nothing is reported, and only the callbacks that are needed",
  () => {
    assertEquals(monitorOf({}), undefined);
    const log = { style: { format: "text" as const, starts: false, time: true }, line() {} };
    const { started, dialed, ended } = monitorOf({ log }) ?? {};
    assertEquals([started, dialed, typeof ended], [undefined, undefined, "function"]);
  },
  PURE,
);
