import { assertEquals } from "@std/assert";
import { monitorOf } from "../../../lib/report/monitor.ts";
import { t } from "../../helpers/t.ts";

const PURE = { permissions: "none" } as const;

t(
  "monitorOf() returns undefined if nothing is reported, and only the callbacks that are needed",
  () => {
    assertEquals(monitorOf({}), undefined);
    const style = { format: "text", starts: false, time: true } as const;
    const log = { style, line() {}, room: () => undefined };
    const { started, dialed, ended } = monitorOf({ log }) ?? {};
    assertEquals([started, dialed, typeof ended], [undefined, undefined, "function"]);
  },
  PURE,
);
