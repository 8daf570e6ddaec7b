import { assertEquals, assertRejects } from "@std/assert";
import { formatIp } from "../../../lib/address/ip.ts";
import { serviceLookup } from "../../../lib/address/services.ts";
import { AddressError, UnavailableError, UsageError } from "../../../lib/base/errors.ts";
import { parseOptions } from "../../../lib/cli/options.ts";
import { denoBinder } from "../../../lib/engine/deno/deno_engine.ts";
import type { SourceSupport } from "../../../lib/engine/engine.ts";
import { openNames } from "../../../lib/names/names.ts";
import { buildTable } from "../../helpers/table_of.ts";
import { resolveSetup } from "../../../lib/service/resolve_setup.ts";
import { t } from "../../helpers/t.ts";

const PURE = { permissions: "none" } as const;
const HOSTS: Readonly<Record<string, string>> = { web: "10.0.0.1", backup: "2001:db8::5" };

/** Resolves a command line with made-up names, and records what happened in which order. */
async function resolve(argv: readonly string[], support: SourceSupport = "yes") {
  const steps: string[] = [];
  const lookup = (name: string) => {
    steps.push(name);
    return Promise.resolve(name in HOSTS ? [HOSTS[name]!] : []);
  };
  const setup = await resolveSetup(parseOptions(argv), {
    names: openNames({ lookup, notice() {} }),
    lookup,
    services: serviceLookup(undefined),
    binder: { ...denoBinder, canDialFrom: () => Promise.resolve(support) },
    onListen: ({ address, port }) => void steps.push(`listen ${address} ${port}`),
  });
  return { setup, steps, groups: setup.plan.expanded.wanted };
}

t("resolveSetup() returns every address of a command line, and keeps the names", async () => {
  const argv = ["-f", "--metrics", "[::1]:9550", "-B", "127.0.0.9", "smtp"];
  const { setup, steps, groups } = await resolve([...argv, "web", "web:99:5", "!", "backup:25"]);
  assertEquals(setup.listen, { address: "0.0.0.0", port: 25 });
  assertEquals(setup.source, "127.0.0.9");
  assertEquals(setup.metrics, { address: "::1", port: 9550, hosts: new Set(["::1"]) });
  const channels = groups.flatMap((group) =>
    group.channels.map(({ host, address, port, maxc }) => [host, formatIp(address!), port, maxc])
  );
  assertEquals(channels, [
    ["web", "10.0.0.1", 25, 0],
    ["web", "10.0.0.1", 99, 5],
    ["backup", "2001:db8::5", 25, 0],
  ]);
  // The address is bound before any channel is resolved, and each name is resolved once.
  assertEquals(steps, ["listen 0.0.0.0 25", "web", "backup"]);
  const { names } = buildTable(groups, { groups: 2, channels: 2, workers: 1 });
  assertEquals([names.get(0, 1), names.get(1, 0), names.get(1, 1)], ["web", "backup", undefined]);
}, PURE);

t("resolveSetup() keeps the attributes of channels and the schedules of groups", async () => {
  const channels = ["web,weight=3", "web:81:2,check=none", "%", "backup,check-port=90"];
  const { groups } = await resolve(["--schedule", "least,0=consistent", "80", ...channels]);
  assertEquals(groups.map(({ schedule }) => schedule), ["consistent", "least"]);
  assertEquals(
    groups.flatMap((group) => group.channels.map(({ attributes }) => attributes)),
    [{ weight: 3 }, { check: { text: "none", kind: "none" } }, { checkPort: 90 }],
  );
}, PURE);

t("resolveSetup() reports what is wrong, in the order in which 3.35 did", async () => {
  await assertRejects(() => resolve(["70000", "nowhere"]), UsageError, "invalid port [70000]");
  await assertRejects(() => resolve(["80", "nowhere"]), AddressError, "[nowhere]");
  await assertRejects(() => resolve(["80", "web:x", "nowhere"]), UsageError, "invalid port [x]");
  await assertRejects(() => resolve(["--metrics", "x", "80", "web"]), UsageError, "--metrics");
  for (const support of ["not local", "ignored"] as const) {
    const error = await assertRejects(
      () => resolve(["-B", "127.0.0.9", "80", "nowhere"], support),
      UnavailableError,
    );
    assertEquals(error.message.startsWith("balance: can't bind outgoing address [127"), true);
  }
}, PURE);
