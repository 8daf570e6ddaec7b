import { assertEquals } from "@std/assert";
import { syslogMessage } from "../../../lib/system/syslog.ts";
import { t } from "../../helpers/t.ts";

t("syslogMessage() has the format of syslog(3): priority, local time, ident with pid, text", () => {
  const text = "connection failed group 0 channel 0";
  const at = (time: Date) => syslogMessage(text, { severity: "notice", pid: 7, time });
  assertEquals(
    at(new Date(2026, 10, 2, 6, 3, 20)),
    `<29>Nov  2 06:03:20 balance[7]: ${text}`,
  );
  assertEquals(
    at(new Date(2026, 0, 31, 23, 59, 59, 999)),
    `<29>Jan 31 23:59:59 balance[7]: ${text}`,
  );
  const debug = syslogMessage("x", { severity: "debug", pid: 7, time: new Date(2026, 11, 24) });
  assertEquals(debug, "<31>Dec 24 00:00:00 balance[7]: x");
}, { permissions: "none" });
