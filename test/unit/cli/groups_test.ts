import { assertEquals, assertThrows } from "@std/assert";
import { serviceLookup } from "../../../lib/address/services.ts";
import { UsageError } from "../../../lib/base/errors.ts";
import type { Schedules } from "../../../lib/cli/backend_options.ts";
import { parseGroups } from "../../../lib/cli/groups.ts";
import { t } from "../../helpers/t.ts";

const PURE = { permissions: "none" } as const;
const OPTIONS = {
  defaultPort: 80,
  services: serviceLookup(undefined),
  maxGroups: 16,
  maxChannels: 16,
};

t("parseGroups() names the option that raises a limit, unless it is the highest", () => {
  const message = (maxGroups: number, maxChannels: number) =>
    assertThrows(
      () => parseGroups(["a", "b", "!", "c"], { ...OPTIONS, maxGroups, maxChannels }),
      UsageError,
    ).message;
  assertEquals(message(16, 1), "MAXCHANNELS exceeded..., raise the limit of 1 with --max-channels");
  assertEquals(message(1, 16), "MAXGROUPS exceeded..., raise the limit of 1 with --max-groups");
  const many = Array(1025).fill("a");
  const { message: highest } = assertThrows(
    () => parseGroups(many, { ...OPTIONS, maxChannels: 1024 }),
    UsageError,
  );
  assertEquals(highest, "MAXCHANNELS exceeded..., 1024 is the highest possible limit");
}, PURE);

t("parseGroups(): a service name after a host without port is its port, if it is no host", () => {
  const fault = (...args: string[]) => parseGroups(args, OPTIONS)[0]?.channels.at(-1)?.fault;
  assertEquals(fault("web1", "http"), "a colon precedes the port: web1:http");
  assertEquals([fault("http"), fault("web1:80", "http"), fault("web1", "web2")], [
    undefined,
    undefined,
    undefined,
  ]);
  assertEquals(
    fault("web1,weight=2", "http,weight=3"),
    "a colon precedes the port: web1:http,weight=3",
  );
}, PURE);

t("parseGroups() gives each group its schedule and each channel its attributes", () => {
  const args = ["a,weight=3", "b:81,check=none,check-port=90", "%", "[::1]:80", "!", "c"];
  const schedules: Schedules = { all: "least", byGroup: new Map([[2, "first"]]) };
  const groups = parseGroups(args, { ...OPTIONS, schedules });
  assertEquals(groups.map(({ schedule }) => schedule), ["hash", "least", "first"]);
  assertEquals(groups.flatMap(({ channels }) => channels.map(({ attributes }) => attributes)), [
    { weight: 3 },
    { check: { text: "none", kind: "none" }, checkPort: 90 },
    {},
    {},
  ]);
  assertEquals(parseGroups(args, OPTIONS).map(({ schedule }) => schedule), ["hash", "rr", "rr"]);
}, PURE);

t("parseGroups() names the channel with an invalid attribute, and the reason", () => {
  const refused: [channel: string, reason: string][] = [
    ["web1,weight=300", "invalid attribute [weight=300]: not a number from 0 to 256"],
    ["[::1]:80,weight=1,weight=2", "invalid attribute [weight=2]: weight is given twice"],
    ["web1,wieght=3", "invalid attribute [wieght=3]: unknown key (did you mean weight?)"],
    ["web1,check=htp:/x", "invalid check [htp:/x]: unknown check (did you mean http?)"],
  ];
  for (const [channel, reason] of refused) {
    const { message } = assertThrows(() => parseGroups(["a", channel], OPTIONS), UsageError);
    assertEquals(message, `balance: channel [${channel}]: ${reason}`);
  }
}, PURE);
