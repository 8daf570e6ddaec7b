import { assertEquals } from "@std/assert";
import { parsePort } from "../../../lib/address/port.ts";
import { serviceLookup } from "../../../lib/address/services.ts";
import { t } from "../../helpers/t.ts";

const PURE = { permissions: "none" } as const;

t("parsePort() looks up a service name first, even one that consists of digits", () => {
  const services = serviceLookup("80\t\t8080/tcp\t\t\t# a name of digits\n");
  assertEquals(parsePort("80", services), 8080);
  assertEquals(parsePort("81", services), 81);
}, PURE);

t("parsePort() accepts 0 to 65535 with leading whitespace and a sign, and nothing else", () => {
  const services = serviceLookup("");
  const ports: [string, number | undefined][] = [
    ["0", 0],
    ["65535", 65535],
    [" 80", 80],
    ["\t80", 80],
    ["+80", 80],
    ["0080", 80],
    ["-0", 0],
    ["65536", undefined],
    ["-1", undefined],
    ["", undefined],
    ["80 ", undefined],
    ["80x", undefined],
    ["0x50", undefined],
    ["1e3", undefined],
    ["8.0", undefined],
    ["99999999999999999999", undefined],
    ["http", undefined],
  ];
  for (const [text, port] of ports) {
    assertEquals(parsePort(text, services), port, JSON.stringify(text));
  }
}, PURE);
