import { assertEquals } from "@std/assert";
import { bracketsFault, hostFault, listeningPortHint } from "../../../lib/address/faults.ts";
import { serviceLookup } from "../../../lib/address/services.ts";
import { t } from "../../helpers/t.ts";

const PURE = { permissions: "none" } as const;

t("hostFault() explains what no host can look like, and nothing about names", () => {
  const cases: [string, string][] = [
    ["", "the host is missing"],
    [" 10.0.0.1", "a host cannot contain spaces"],
    ["web/path", "a host cannot contain a slash"],
    ["web1,web2", "hosts are separated by spaces, not commas"],
    ["!web", "the separators ! and % must be separate arguments"],
    ["web%", "the separators ! and % must be separate arguments"],
    ["10.0.0.1:80", "no port can be given here"],
    ["fe80::1%eth0", "an IPv6 address with a zone is not supported"],
    ["::1::", ""],
    ["no..such", ""],
    ["256.1.1.1", ""],
  ];
  for (const [host, reason] of cases) assertEquals(hostFault(host), reason, host);
}, PURE);

t("bracketsFault() puts brackets around an IPv6 address, without what looks like a port", () => {
  const cases: [string, string | undefined][] = [
    ["::1:80", "[::1]:80"],
    ["2001:db8::5:8080", "[2001:db8::5]:8080"],
    ["::1", "[::1]"],
    ["::5", "[::5]"],
    ["fe80::1", "[fe80::1]"],
    ["1:2:3:4:5:6:7:8", "[1:2:3:4:5:6:7:8]"],
    ["::ffff:10.0.0.1", "[::ffff:10.0.0.1]"],
    ["web::1", undefined],
    ["10.0.0.1::5", undefined],
    ["web:80:1", undefined],
  ];
  for (const [text, example] of cases) {
    const expected = example && `an IPv6 address needs brackets: ${example}`;
    assertEquals(bracketsFault(text), expected, text);
  }
}, PURE);

t("listeningPortHint() recognizes a host in place of the port, and typing errors", () => {
  const services = serviceLookup(undefined);
  const cases: [string, string][] = [
    [
      "localhost:80",
      " (the port comes first and has no host; to listen on one address: -b localhost 80)",
    ],
    ["127.0.0.1", " (this is an address)"],
    ["::1", " (this is an address)"],
    ["SMTP", " (did you mean smtp?)"],
    ["0", ""],
    ["65536", ""],
    ["nosuchservice", ""],
  ];
  for (const [text, hint] of cases) assertEquals(listeningPortHint(text, services), hint, text);
}, PURE);
