import { assertMatch, assertThrows } from "@std/assert";
import { parseMetrics } from "./openmetrics.ts";
import { t } from "./t.ts";

const PURE = { permissions: "none" } as const;

t("parseMetrics() rejects malformed metrics", () => {
  const family = "# HELP a b\n# TYPE a gauge\n";
  const bad: [string, RegExp][] = [
    [`${family}a 1\n`, /No # EOF/],
    [`${family}a 1`, /does not end with a newline/],
    [`${family}a 1\na 2\n# EOF\n`, /Twice/],
    [`${family}b 1\n# EOF\n`, /not a sample of the gauge a/],
    [`${family}a{l=x} 1\n# EOF\n`, /Labels/],
    [`${family}a NaNo\n# EOF\n`, /No number/],
    [`# HELP a b\n# TYPE a counter\na 1\n# EOF\n`, /not a sample of the counter a/],
    [`${family}a 1\n# HELP a c\n# TYPE a counter\na_total 1\n# EOF\n`, /clashes/],
    [`# HELP a b\n# TYPE a histogram\na_bucket{le="1"} 1\n# EOF\n`, /Bound 1/],
    [`# HELP a b\n# TYPE a histogram\na_bucket{le="+Inf"} 1\na_count 2\n# EOF\n`, /2 and/],
  ];
  for (const [text, message] of bad) {
    assertMatch(assertThrows(() => parseMetrics(text, "openmetrics"), Error).message, message);
  }
}, PURE);
