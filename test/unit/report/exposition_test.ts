import { assertEquals } from "@std/assert";
import { exposition, negotiate } from "../../../lib/report/exposition.ts";
import { t } from "../../helpers/t.ts";

const PURE = { permissions: "none" } as const;

t("negotiate() chooses OpenMetrics only if the Accept header prefers it", () => {
  const openmetrics = [
    "application/openmetrics-text",
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75," +
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
    "Application/OpenMetrics-Text; q=0.5, */*;q=0.5",
  ];
  for (const accept of openmetrics) assertEquals(negotiate(accept), "openmetrics", accept);
  const text = [
    null,
    "",
    "*/*",
    "text/plain",
    "text/html",
    "application/openmetrics-text;q=0",
    "application/openmetrics-text;q=x, text/plain",
    "application/openmetrics-text;q=0.1, text/plain;q=0.2",
    ",,;;,=;q=",
  ];
  for (const accept of text) assertEquals(negotiate(accept), "text", String(accept));
}, PURE);

t("exposition() names counters as each format requires, and escapes help and labels", () => {
  const family = {
    name: "a_bytes",
    type: "counter",
    help: 'a "b"\\\n',
    samples: [{ labels: { l: '"\\\n' }, value: 12345678901234567890n }],
  } as const;
  assertEquals(
    [...exposition([family], "text")].join(""),
    '# HELP a_bytes_total a "b"\\\\\\n\n# TYPE a_bytes_total counter\n' +
      'a_bytes_total{l="\\"\\\\\\n"} 12345678901234567890\n',
  );
  assertEquals(
    [...exposition([family], "openmetrics")].join(""),
    '# HELP a_bytes a \\"b\\"\\\\\\n\n# TYPE a_bytes counter\n' +
      'a_bytes_total{l="\\"\\\\\\n"} 12345678901234567890\n# EOF\n',
  );
}, PURE);
