import { assertEquals } from "@std/assert";
import { formatEndpoint } from "../../../lib/address/host_port.ts";
import { formatIp, parseIp } from "../../../lib/address/ip.ts";
import { DEFAULT_BACKEND_OPTIONS } from "../../../lib/cli/backend_options.ts";
import { parseGroups } from "../../../lib/cli/groups.ts";
import { type FoundHost, type KnownHost, knownOf } from "../../../lib/names/answer.ts";
import { expandGroups } from "../../../lib/names/expand.ts";
import { t } from "../../helpers/t.ts";

const PURE = { permissions: "none" } as const;

/** Of `NAME*`. */
function all(...addresses: string[]): KnownHost {
  return knownOf(found(addresses), { isAll: true });
}

function found(addresses: readonly string[]): FoundHost {
  return { addresses: addresses.map((text) => parseIp(text)!), targets: [], ttlS: undefined };
}

/** Of a service. @param records Each `PRIORITY WEIGHT PORT TARGET ADDRESS`. */
function service(...records: string[]): KnownHost {
  const targets = records.map((record) => {
    const [priority, weight, port, target = "", address] = record.split(" ");
    return {
      ...{ priority: Number(priority), weight: Number(weight), port: Number(port), target },
      addresses: address === undefined ? [] : [parseIp(address)!],
    };
  });
  return knownOf({ addresses: [], targets, ttlS: 1 }, { isAll: false });
}

/** The channels of each group, as `KEY ADDRESS:PORT:MAXC*WEIGHT`. */
function expand(
  channels: readonly string[],
  known: Record<string, KnownHost>,
  limits: { maxGroups?: number; maxChannels?: number } = {},
) {
  const { maxGroups = 4, maxChannels = 16 } = limits;
  const options = { maxGroups, maxChannels, schedules: DEFAULT_BACKEND_OPTIONS.schedules };
  const groups = parseGroups(channels, { defaultPort: 80, services: () => undefined, ...options });
  const { wanted, tooMany } = expandGroups(groups, new Map(Object.entries(known)), options);
  const lines = wanted.map(({ channels }) =>
    channels.map(({ key, address, port, maxc, attributes: { weight } }) => {
      const to = formatEndpoint({ address: formatIp(address ?? new Uint8Array(0)), port });
      return `${key} ${to}${maxc ? `:${maxc}` : ""}${weight === undefined ? "" : `*${weight}`}`;
    })
  );
  return { groups: lines, tooMany: [...tooMany.values()], wanted };
}

t("NAME* is one channel for each address, in order, with the attributes of all", () => {
  const known = { "web*": all("10.0.0.10", "2001:db8::2", "10.0.0.9", "2001:db8::1") };
  const { groups } = expand(["web*:81:5,weight=3", "10.0.0.1"], known);
  assertEquals(groups, [[
    "web*:81/10.0.0.9 10.0.0.9:81:5*3",
    "web*:81/10.0.0.10 10.0.0.10:81:5*3",
    "web*:81/2001:db8::1 [2001:db8::1]:81:5*3",
    "web*:81/2001:db8::2 [2001:db8::2]:81:5*3",
    "10.0.0.1:80 10.0.0.1:80",
  ]]);
}, PURE);

t("a channel of NAME* keeps its name and its place in the consistent hash", () => {
  const { wanted } = expand(["web*"], { "web*": all("10.0.0.2") });
  const [{ channels: [channel] } = { channels: [] }] = wanted;
  assertEquals([channel?.host, channel?.hashName], ["web", "web/10.0.0.2"]);
}, PURE);

t("the same name twice makes channels with different keys", () => {
  const { groups } = expand(["web*", "web*", "web", "web"], {
    "web*": all("10.0.0.1"),
    web: all("10.0.0.1"),
  });
  assertEquals(groups[0]?.map((line) => line.split(" ")[0]), [
    "web*:80/10.0.0.1",
    "web*:80/10.0.0.1#2",
    "web:80",
    "web:80#2",
  ]);
}, PURE);

t("a host without an address is one channel without an address", () => {
  assertEquals(expand(["web*:81", "web", "_h._tcp.web"], {}).groups, [
    ["web*:81 -:81", "web:80 -:80", "_h._tcp.web -:0"],
  ]);
}, PURE);

t("SRV records give port and weight, and the next priorities join the next groups", () => {
  const known = {
    "_h._tcp.web": service(
      "20 0 90 far 10.0.2.1",
      "10 3 81 b 10.0.1.1",
      "10 5 80 b 10.0.1.1",
      "10 0 80 a 10.0.1.2",
      "10 7 80 a 10.0.1.2",
      "30 1 80 none",
      "10 0 0 ",
    ),
  };
  const { groups, wanted } = expand(
    ["_h._tcp.web::9", "x!y:1", "%", "10.0.0.1"].filter((one) => one !== "x!y:1"),
    known,
  );
  assertEquals(groups, [
    [
      "_h._tcp.web/a:80 10.0.1.2:80:9*7",
      "_h._tcp.web/b:80 10.0.1.1:80:9*5",
      "_h._tcp.web/b:81 10.0.1.1:81:9*3",
    ],
    ["10.0.0.1:80 10.0.0.1:80", "_h._tcp.web/far:90 10.0.2.1:90:9*1"],
    ["_h._tcp.web/none:80 -:80:9*1"],
  ]);
  assertEquals(wanted.map(({ schedule }) => schedule), ["hash", "rr", "rr"]);
}, PURE);

t("weights of SRV records are scaled to 1 to 256, unless the channel has one", () => {
  const known = { "_h._tcp.web": service("0 65535 1 a", "0 32768 1 b", "0 1 1 c", "0 0 1 d") };
  const weights = (channel: string) =>
    expand([channel], known).wanted[0]?.channels.map(({ attributes }) => attributes.weight);
  assertEquals(weights("_h._tcp.web"), [256, 128, 1, 1]);
  assertEquals(weights("_h._tcp.web,weight=2"), [2, 2, 2, 2]);
}, PURE);

t("of more channels than fit, each host keeps one, and the first addresses count", () => {
  const fifty = all(...Array.from({ length: 50 }, (_, i) => `10.0.0.${i}`));
  const known = { "web*": fifty, "_h._tcp.web": service("0 1 1 a", "1 1 1 b", "2 1 1 c") };
  const { groups, tooMany } = expand(["web*", "10.1.1.1", "10.1.1.2"], known, { maxChannels: 4 });
  assertEquals(groups[0]?.map((line) => line.split(" ")[1]), [
    "10.0.0.0:80",
    "10.0.0.1:80",
    "10.1.1.1:80",
    "10.1.1.2:80",
  ]);
  assertEquals(tooMany, [
    "name web* has 50 channels in group 0, of which 2 fit (--max-channels 4)",
  ]);
  const joined = expand(["_h._tcp.web", "!", "10.1.1.1", "10.1.1.2"], known, {
    maxChannels: 2,
    maxGroups: 2,
  });
  assertEquals(joined.groups.map(({ length }) => length), [1, 2]);
  assertEquals(joined.tooMany, [
    "name _h._tcp.web needs more groups than --max-groups 2 allows",
  ]);
}, PURE);
