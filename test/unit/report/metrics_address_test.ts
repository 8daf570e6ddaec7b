import { assertEquals, assertMatch, assertThrows } from "@std/assert";
import { UsageError } from "../../../lib/base/errors.ts";
import { parseMetricsAddress } from "../../../lib/report/metrics_address.ts";
import { t } from "../../helpers/t.ts";

const PURE = { permissions: "none" } as const;

t("parseMetricsAddress() reads PORT, ADDR:PORT and [IPV6]:PORT, and refuses anything else", () => {
  const good: [string, string, number][] = [
    ["9100", "127.0.0.1", 9100],
    ["0.0.0.0:1", "0.0.0.0", 1],
    ["[::1]:65535", "::1", 65535],
    ["localhost:80", "localhost", 80],
  ];
  for (const [text, host, port] of good) assertEquals(parseMetricsAddress(text), { host, port });
  for (const bad of ["", "0", "65536", "x", "::1:80", "[::1]", "a:b", ":80", "1 ", "[a]:-1"]) {
    assertMatch(
      assertThrows(() => parseMetricsAddress(bad), UsageError).message,
      /^invalid --metrics \[/,
    );
  }
}, PURE);
