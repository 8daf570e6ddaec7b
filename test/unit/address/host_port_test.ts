import { assertEquals } from "@std/assert";
import { formatEndpoint, splitHost } from "../../../lib/address/host_port.ts";
import { t } from "../../helpers/t.ts";

const PURE = { permissions: "none" } as const;

t("splitHost() splits at the first colon, or after the brackets", () => {
  const good: [string, string, string | undefined, boolean][] = [
    ["host", "host", undefined, false],
    ["host:80", "host", "80", false],
    ["host:80:5", "host", "80:5", false],
    ["host:", "host", "", false],
    [":80", "", "80", false],
    ["", "", undefined, false],
    ["::1", "", ":1", false],
    ["[::1]", "::1", undefined, true],
    ["[::1]:80:5", "::1", "80:5", true],
    ["[::1]:", "::1", "", true],
    ["[]", "", undefined, true],
  ];
  for (const [text, host, rest, bracketed] of good) {
    assertEquals(splitHost(text), { host, rest, bracketed }, text);
  }
}, PURE);

t("splitHost() returns undefined if a bracket is not closed or not followed by a colon", () => {
  for (const bad of ["[", "[::1", "[::1]80", "[::1] :80", "[::1]]:80"]) {
    assertEquals(splitHost(bad), undefined, bad);
  }
}, PURE);

t("formatEndpoint() puts IPv6 into brackets", () => {
  assertEquals(formatEndpoint({ address: "127.0.0.1", port: 80 }), "127.0.0.1:80");
  assertEquals(formatEndpoint({ address: "::1", port: 80 }), "[::1]:80");
}, PURE);
