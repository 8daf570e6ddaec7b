import { assertEquals } from "@std/assert";
import { parseResolvConf, searchedNames } from "../../../lib/dns/resolv_conf.ts";
import { t } from "../../helpers/t.ts";

const PURE = { permissions: "none" } as const;

t("parseResolvConf() has the defaults of resolv.conf(5) for an empty or broken file", () => {
  const defaults = { servers: ["127.0.0.1"], search: [], ndots: 1, timeoutMs: 5000, attempts: 2 };
  for (
    const text of ["", "# nothing\n", "nameserver\nnameserver web\noptions ndots:x timeout:\n"]
  ) {
    assertEquals(parseResolvConf(text), defaults);
  }
}, PURE);

t("parseResolvConf() reads servers, search and options, up to the limits of the C library", () => {
  const text = `
    ; comment
nameserver 10.0.0.1 # first
nameserver fe80::1%eth0
nameserver 10.0.0.3
nameserver 10.0.0.4
domain old.example
search one.example two.example.
options ndots:3 timeout:1 attempts:4 rotate edns0
options ndots:99`;
  assertEquals(parseResolvConf(text), {
    servers: ["10.0.0.1", "fe80::1%eth0", "10.0.0.3"],
    search: ["one.example", "two.example"],
    ndots: 15,
    timeoutMs: 1000,
    attempts: 4,
  });
}, PURE);

t("searchedNames() asks for names with few dots in the domains first", () => {
  const conf = { search: ["a.example", "b.example"], ndots: 2 };
  assertEquals(searchedNames("web", conf), ["web.a.example", "web.b.example", "web"]);
  assertEquals(searchedNames("x.y.z", conf), ["x.y.z", "x.y.z.a.example", "x.y.z.b.example"]);
  assertEquals(searchedNames("web.", conf), ["web"]);
}, PURE);
