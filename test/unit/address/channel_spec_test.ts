import { assertEquals, assertThrows } from "@std/assert";
import { parseChannelSpec } from "../../../lib/address/channel_spec.ts";
import { serviceLookup } from "../../../lib/address/services.ts";
import { AddressError, UsageError } from "../../../lib/base/errors.ts";
import { t } from "../../helpers/t.ts";

const PURE = { permissions: "none" } as const;
const OPTIONS = { defaultPort: 8080, services: serviceLookup(undefined) };

t("a channel is HOST[:PORT[:MAXC]], with the port of the listener as default", () => {
  const cases: readonly [string, readonly [string, number, number]][] = [
    ["web", ["web", 8080, 0]],
    ["web:", ["web", 8080, 0]],
    ["web:smtp", ["web", 25, 0]],
    ["web:80:7", ["web", 80, 7]],
    ["web::7", ["web", 8080, 7]],
    ["web:80:-1", ["web", 80, -1]],
    // As in 3.35, the rest after a third colon is ignored.
    ["web:80:7:rest", ["web", 80, 7]],
    ["[::1]", ["::1", 8080, 0]],
    ["[2001:db8::5]:80:10", ["2001:db8::5", 80, 10]],
  ];
  for (const [text, [host, port, maxc]] of cases) {
    assertEquals(parseChannelSpec(text, OPTIONS), { host, port, maxc, attributes: [] }, text);
  }
}, PURE);

t("attributes follow the address, and a comma that no key follows belongs to a value", () => {
  const cases: readonly [string, readonly [string, number, number], ...string[]][] = [
    ["web,weight=3", ["web", 8080, 0], "weight=3"],
    ["web:80:7,weight=3,check=tcp", ["web", 80, 7], "weight=3", "check=tcp"],
    ["web:80:7:rest,weight=3", ["web", 80, 7], "weight=3"],
    ["[::1],check-port=81", ["::1", 8080, 0], "check-port=81"],
    ["[::1]:80,weight=2", ["::1", 80, 0], "weight=2"],
    ["web,check=http:/a=200-299,401", ["web", 8080, 0], "check=http:/a=200-299,401"],
    ["web,check=exec:a,b,weight=1", ["web", 8080, 0], "check=exec:a,b", "weight=1"],
    ["web,weight=,no_Key=", ["web", 8080, 0], "weight=", "no_Key="],
    ["web,Weight=3", ["web", 8080, 0], "Weight=3"],
  ];
  for (const [text, [host, port, maxc], ...attributes] of cases) {
    assertEquals(parseChannelSpec(text, OPTIONS), { host, port, maxc, attributes }, text);
  }
  // Without a key, the comma was meant to separate channels.
  assertEquals(parseChannelSpec("web1,web2", OPTIONS).host, "web1,web2");
}, PURE);

t("a channel with an invalid host, port or maxc is refused, and the value is named", () => {
  const refuses = (text: string, expected: string) => {
    const error = assertThrows(() => parseChannelSpec(text, OPTIONS));
    assertEquals(error instanceof UsageError || error instanceof AddressError, true, text);
    assertEquals(`${(error as Error).message}`.includes(expected), true, `${error}`);
  };
  refuses("web:nothing", "invalid port [nothing]");
  refuses("web:65536", "invalid port [65536]");
  refuses("web:80:x", "invalid maxc [x]");
  refuses("web:htpp", "number from 0 to 65535 (did you mean http?), exiting.");
  refuses(
    "http://web",
    "invalid port [//web] in channel [http://web]: a channel is HOST:PORT, not",
  );
  refuses("web:80!", "[80!] in channel [web:80!]: the separators ! and % must be separate");
  refuses("web:x,weight=3", "invalid port [x] in channel [web:x,weight=3]: neither");
  refuses("web:80:x,weight=3", "invalid maxc [x] in channel [web:80:x,weight=3]: not a number");
  refuses("web:80,weight", "invalid port [80,weight] in channel [web:80,weight]: an attribute is");
  refuses("web:80,web:81", "invalid port [80,web] in channel [web:80,web:81]: channels are sep");
  refuses("[::1,weight=3", "[[::1]: brackets must enclose the host");
  refuses("2001:db8::5:80,weight=3", "needs brackets: [2001:db8::5]:80, exiting.");
  refuses("2001:db8::5:80", "needs brackets: [2001:db8::5]:80, exiting.");
  refuses("[::1", "[[::1]: brackets must enclose the host");
  refuses("[::1]80", "[[::1]80]: brackets must enclose the host");
  refuses("[web]:80", "[[web]:80]: only an IPv6 address has brackets");
}, PURE);

t(
  "an IPv6 address without brackets is explained if its host is unknown",
  () => {
    const fault = (text: string) => parseChannelSpec(text, OPTIONS).fault;
    assertEquals(fault("::1:80"), "an IPv6 address needs brackets: [::1]:80");
    assertEquals(fault("fe80::1"), "an IPv6 address needs brackets: [fe80::1]");
    assertEquals([fault("web::1"), fault("[::1]"), fault("10.0.0.1::5")], [
      undefined,
      undefined,
      undefined,
    ]);
  },
  PURE,
);
