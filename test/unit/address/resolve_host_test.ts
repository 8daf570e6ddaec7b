import { assertEquals, assertRejects } from "@std/assert";
import { hostFault } from "../../../lib/address/faults.ts";
import { formatIp } from "../../../lib/address/ip.ts";
import { type Lookup, resolveHost } from "../../../lib/address/resolve_host.ts";
import { AddressError } from "../../../lib/base/errors.ts";
import { t } from "../../helpers/t.ts";

const PURE = { permissions: "none" } as const;

/** A resolver that returns these addresses. */
const knows = (...addresses: string[]): Lookup => () => Promise.resolve(addresses);
const fails = (code: string): Lookup => () =>
  Promise.reject(Object.assign(new Error(`getaddrinfo ${code}`), { code }));
const mustNotAsk: Lookup = (name) => {
  throw new Error(`the resolver was asked for ${name}`);
};

async function resolved(host: string, lookup: Lookup = mustNotAsk): Promise<string> {
  return formatIp(await resolveHost(host, { lookup }));
}

t("resolveHost() returns an address without asking the resolver", async () => {
  assertEquals(await resolved("127.0.0.1"), "127.0.0.1");
  assertEquals(await resolved("127.1"), "127.0.0.1");
  assertEquals(await resolved("0x7f000001"), "127.0.0.1");
  assertEquals(await resolved("::1"), "::1");
  assertEquals(await resolved("::ffff:10.1.2.3"), "10.1.2.3");
}, PURE);

t(
  "resolveHost() returns the first IPv4 address, or the first IPv6 address if there is no IPv4",
  async () => {
    assertEquals(await resolved("a", knows("::1", "10.0.0.2", "10.0.0.1")), "10.0.0.2");
    assertEquals(await resolved("a", knows("::2", "::1")), "::2");
  },
  PURE,
);

t("resolveHost() asks the resolver for every form of host name", async () => {
  const names = ["a", "a-b.example", "under_score", "xn--bcher-kva.example", "bücher.example"];
  for (const name of [...names, "trailing.dot.", "3com.example", "a".repeat(63)]) {
    assertEquals(await resolved(name, knows("10.0.0.1")), "10.0.0.1", name);
  }
}, PURE);

t("resolveHost() refuses an invalid host name without asking the resolver", async () => {
  const none = [
    "",
    " ",
    ".",
    "no..such",
    ".a",
    " 127.0.0.1",
    "256.1.1.1",
    "1.2.3.4.5",
    "1.2.3.",
    "0xff.ff.ff",
    "a b",
    "a/b",
    "a:b",
    "a\0b",
    "a\n",
    "a".repeat(64),
    "a.".repeat(130),
    "[::1]",
    "::1::",
  ];
  for (const host of none) {
    const error = await assertRejects(() => resolved(host), AddressError);
    const reason = hostFault(host);
    assertEquals(error.message, `unknown or invalid address [${host}]${reason && `: ${reason}`}`);
    assertEquals(error.exitCode, 65);
  }
}, PURE);

t("resolveHost() reports a name that is unknown or has no usable address", async () => {
  for (
    const lookup of [
      fails("ENOTFOUND"),
      fails("EAI_AGAIN"),
      fails("EINVAL"),
      knows(),
      knows("fe80::1%lo"),
    ]
  ) {
    const error = await assertRejects(() => resolved("nobody.example", lookup), AddressError);
    assertEquals(error.message, "unknown or invalid address [nobody.example]");
  }
}, PURE);

t("resolveHost() gives up after the timeout", async () => {
  const never: Lookup = () => new Promise(() => {});
  const error = await assertRejects(
    () => resolveHost("a", { lookup: never, timeoutMs: 20 }),
    AddressError,
  );
  assertEquals(
    error.message,
    "unknown or invalid address [a]: the resolver gave no answer within 0.02 seconds",
  );
}, PURE);

t("resolveHost() finds localhost in the system's hosts file", async () => {
  assertEquals(formatIp(await resolveHost("localhost")), "127.0.0.1");
});
