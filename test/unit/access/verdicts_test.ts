import { assertEquals } from "@std/assert";
import { formatIp, parsePeerIp } from "../../../lib/address/ip.ts";
import { formatNetwork, parseNetwork } from "../../../lib/address/cidr.ts";
import { prefixSet } from "../../../lib/access/prefixes.ts";
import { AccessLists } from "../../../lib/access/access_lists.ts";
import { compileVerdicts, verdictOf } from "../../../lib/access/verdicts.ts";
import { CIDR_CASES } from "../../helpers/cidr_cases.ts";
import { ACCESS_CASES } from "../../helpers/access_cases.ts";
import { threadCpuMs } from "../../helpers/program/process.ts";
import { t } from "../../helpers/t.ts";

const PURE = { permissions: "none" } as const;

function compile(allow: readonly string[], deny: readonly string[]) {
  const set = (ranges: readonly string[]) => prefixSet(ranges.map(parseNetwork));
  return compileVerdicts({ allow: set(allow), deny: set(deny) });
}

t("verdictOf() finds an address in one range exactly if parseCidr() does", () => {
  for (const { range, address, isIn } of CIDR_CASES) {
    const wanted = isIn ? "deny" : undefined;
    assertEquals(verdictOf(compile([], [range]), address), wanted, `${address} in ${range}`);
  }
}, PURE);

t("the most specific range of both lists decides, and deny if they have the same one", () => {
  for (const { allow, deny, address, verdict, by } of ACCESS_CASES) {
    const verdicts = compile(allow, deny), about = `${address}: +${allow} -${deny}`;
    const list = (ranges: readonly string[]) => ({
      ...{ prefixes: prefixSet(ranges.map(parseNetwork)), given: ranges.length, files: [] },
    });
    const lists = new AccessLists({ allow: list(allow), deny: list(deny) });
    const ip = parsePeerIp(address), network = ip && lists.rangeOf(formatIp(ip));
    assertEquals(verdictOf(verdicts, address), verdict, about);
    assertEquals(network && formatNetwork(network), by, about);
  }
}, PURE);

t("random nested ranges decide as a search through all of them does", () => {
  // A small space, so that ranges overlap often; seeded, so that a failure can be repeated.
  let seed = 18;
  const random = (n: number) => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return Math.floor(seed / 2 ** 32 * n);
  };
  for (let round = 0; round < 300; round++) {
    const isV6 = random(2) === 0, size = isV6 ? 128 : 32;
    const text = () =>
      isV6
        ? `2001:db8::${random(2) === 0 ? "" : "1:"}${random(16).toString(16)}`
        : `255.255.255.${240 + random(16)}`;
    const range = () =>
      `${text()}/${[0, 1, size - 33 + 28, size - 3, size - 2, size - 1, size][random(7)]}`;
    const ranges = Array.from({ length: random(12) }, () => ({
      network: parseNetwork(range()),
      verdict: random(2) === 0 ? "allow" as const : "deny" as const,
    }));
    const of = (wanted: "allow" | "deny") =>
      ranges.filter(({ verdict }) => verdict === wanted).map(({ network }) =>
        formatNetwork(network)
      );
    const verdicts = compile(of("allow"), of("deny"));
    for (let probe = 0; probe < 20; probe++) {
      const address = text();
      let best = -1, wanted: "allow" | "deny" | undefined;
      for (const { network, verdict } of ranges) {
        const { bits } = network;
        if (formatNetwork(parseNetwork(`${address}/${bits}`)) !== formatNetwork(network)) continue;
        if (bits > best || (bits === best && verdict === "deny")) [best, wanted] = [bits, verdict];
      }
      assertEquals(
        verdictOf(verdicts, address),
        wanted,
        `${address}: +${of("allow")} -${of("deny")}`,
      );
    }
  }
}, PURE);

t("100,000 ranges are compiled in less than a second, and looked up in microseconds", () => {
  const networks = Array.from({ length: 100_000 }, (_, i) => {
    const high = i >>> 8, low = i & 0xff;
    return parseNetwork(
      i % 2 === 0
        ? `${1 + (high >>> 8)}.${high & 0xff}.${low}.0/24`
        : `${(0x20010000 + i).toString(16).replace(/....$/, ":$&")}::/32`,
    );
  });
  const before = threadCpuMs();
  const verdicts = compileVerdicts({ allow: prefixSet([]), deny: prefixSet(networks) });
  const compiledMs = threadCpuMs() - before;
  const lookups = 100_000, addresses = ["1.2.4.77", "2001:5::9", "9.9.9.9", "2003::1"];
  const start = threadCpuMs();
  let denied = 0;
  for (let i = 0; i < lookups; i++) if (verdictOf(verdicts, addresses[i & 3]!) === "deny") denied++;
  const lookupUs = (threadCpuMs() - start) * 1000 / lookups;
  assertEquals(denied, lookups / 2);
  assertEquals({ fast: compiledMs < 1000 }, { fast: true }, `compiled in ${compiledMs} ms`);
  assertEquals({ fast: lookupUs < 20 }, { fast: true }, `one lookup takes ${lookupUs} µs`);
});
