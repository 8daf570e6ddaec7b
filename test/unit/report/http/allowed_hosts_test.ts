import { assertEquals } from "@std/assert";
import { isAllowedHost } from "../../../../lib/report/http/allowed_hosts.ts";
import { requestTarget } from "../../../../lib/report/http/request_target.ts";
import { t } from "../../../helpers/t.ts";

t("isAllowedHost() allows addresses, localhost and the given names, with any port", () => {
  const names = new Set(["metrics.example"]);
  const allowed = [
    "127.0.0.1",
    "10.0.0.1:9550",
    "[::1]",
    "[2001:DB8::5]:9550",
    "[fe80::1%eth0]:1",
    "localhost",
    "LocalHost.:80",
    "localhost:",
    "metrics.example:1",
    "METRICS.example.",
  ];
  for (const host of allowed) assertEquals(isAllowedHost(host, names), true, host);
  const refused = [
    "",
    "example",
    "evil.example",
    "127.0.0.1.evil.example",
    "localhost.evil.example",
    "xlocalhost",
    "localhost..",
    "metrics.example.evil.example",
    "1.2.3",
    "0x7f000001",
    "[evil.example]",
    "[::1",
    "[::1]x",
    "::1",
    "localhost:80:80",
    "localhost:x",
    "localhost:123456",
  ];
  for (const host of refused) assertEquals(isAllowedHost(host, names), false, host);
}, { permissions: "none" });

t("requestTarget() returns the path, and the host of an absolute target", () => {
  const targets: [string, ReturnType<typeof requestTarget>][] = [
    ["/metrics", { path: "/metrics", host: undefined }],
    ["/metrics?a=/b#c", { path: "/metrics", host: undefined }],
    ["//evil/metrics", { path: "//evil/metrics", host: undefined }],
    ["http://a:81/metrics?x", { path: "/metrics", host: "a:81" }],
    ["HTTPS://[::1]/", { path: "/", host: "[::1]" }],
    ["http://a", { path: "/", host: "a" }],
  ];
  for (const [target, wanted] of targets) assertEquals(requestTarget(target), wanted, target);
  for (
    const target of ["*", "metrics", "a:1", "http://", "ftp://a/", "http://u@a/", "http://:p@a/"]
  ) {
    assertEquals(requestTarget(target), undefined, target);
  }
}, { permissions: "none" });
