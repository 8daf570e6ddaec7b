import { assert, assertEquals, assertRejects } from "@std/assert";
import { formatIp } from "../../../lib/address/ip.ts";
import { AddressError } from "../../../lib/base/errors.ts";
import type { WantedGroup } from "../../../lib/channel_set/wanted.ts";
import { DEFAULT_BACKEND_OPTIONS } from "../../../lib/cli/backend_options.ts";
import { parseGroups } from "../../../lib/cli/groups.ts";
import { openNames } from "../../../lib/names/names.ts";
import type { ResolveInterval } from "../../../lib/names/interval.ts";
import { sleep, t, until } from "../../helpers/t.ts";

/** What a made-up resolver answers; a name that is absent is unknown. */
type Zone = Record<string, readonly string[]>;

/** Follows names of a made-up resolver. */
async function follow(
  channels: readonly string[],
  zone: Zone,
  { resolve = 0.02 as ResolveInterval, sourceLength = undefined as number | undefined } = {},
) {
  const lines: string[] = [], asked: string[] = [];
  const schedules = DEFAULT_BACKEND_OPTIONS.schedules;
  const options = { resolve, sourceLength, maxGroups: 4, maxChannels: 8, schedules };
  let wanted: readonly WantedGroup[] = [], applied = 0, fault: string | undefined;
  /** `present`, `absent`: records that DNS knows to exist, or not; it answers nothing else. */
  const state = { zone, present: "", absent: "" };
  const names = openNames({
    lookup(name) {
      asked.push(name);
      const found = state.zone[name];
      return found === undefined ? Promise.reject(new Error("unknown")) : Promise.resolve(found);
    },
    dns: {
      ask: (_name, type) =>
        Promise.resolve(
          type === state.present
            ? { kind: "records", addresses: [], ttlS: 5, services: [] }
            : { kind: "failed", reason: "SERVFAIL", isAbsent: type === state.absent },
        ),
    },
    notice: (line) => void lines.push(line),
  });
  const groups = (texts: readonly string[]) =>
    parseGroups(texts, { defaultPort: 80, services: () => undefined, ...options });
  const start = async (texts: readonly string[]) => {
    const plan = await names.plan(groups(texts), options);
    wanted = plan.expanded.wanted;
    names.follow(plan, (next) => {
      if (fault !== undefined) throw new Error(fault);
      wanted = next;
      applied++;
    });
  };
  await start(channels);
  return {
    ...{ names, lines, asked, state, start },
    get applied() {
      return applied;
    },
    /** Makes every change of the channels fail. */
    fail: (text: string | undefined) => void (fault = text),
    addresses: () =>
      wanted.map(({ channels }) =>
        channels.map(({ address }) => address === undefined ? "-" : formatIp(address)).join(" ")
      ).join(" ! "),
    [Symbol.dispose]: () => names.close(),
  };
}

t("names are followed: changes, additions and removals, each with one line", async () => {
  using web = await follow(["web*", "one"], { web: ["10.0.0.2", "10.0.0.1"], one: ["10.1.0.1"] });
  assertEquals(web.addresses(), "10.0.0.1 10.0.0.2 10.1.0.1");
  web.state.zone = { web: ["10.0.0.3", "10.0.0.2"], one: ["10.1.0.2"] };
  await until(() => web.addresses() === "10.0.0.2 10.0.0.3 10.1.0.2");
  assertEquals(web.lines.toSorted(), [
    "name one: 10.1.0.1 is now 10.1.0.2",
    "name web*: added 10.0.0.3; removed 10.0.0.1",
  ]);
});

t(
  "addresses stay while only one of IPv4 and IPv6 is answered, and go if there are none",
  async () => {
    using web = await follow(["web*"], { web: ["10.0.0.1", "::1", "::2"] });
    web.state.present = "A";
    web.state.zone = { web: ["10.0.0.1"] };
    const { length } = web.asked;
    await until(() => web.asked.length > length + 5);
    assertEquals([web.applied, web.addresses()], [0, "10.0.0.1 ::1 ::2"]);
    web.state.absent = "AAAA";
    await until(() => web.addresses() === "10.0.0.1");
    assertEquals(web.lines, ["name web*: removed ::1, ::2"]);
  },
);

t("a name keeps its IPv4 address while only IPv6 is answered", async () => {
  using web = await follow(["web"], { web: ["10.0.0.1", "::1"] });
  web.state.present = "AAAA";
  web.state.zone = { web: ["::1"] };
  const { length } = web.asked;
  await until(() => web.asked.length > length + 5);
  assertEquals([web.applied, web.addresses()], [0, "10.0.0.1"]);
  // A reload keeps it, too.
  await web.start(["web"]);
  assertEquals(web.addresses(), "10.0.0.1");
  web.state.absent = "A";
  await until(() => web.addresses() === "::1");
  assertEquals(web.lines, ["name web: 10.0.0.1 is now ::1"]);
});

for (const absent of ["", "AAAA"]) {
  const dns = absent === "" ? "nothing" : `no ${absent} records`;
  t(`a name of /etc/hosts moves from IPv4 to IPv6 while DNS answers ${dns}`, async () => {
    using web = await follow(["web", "all*"], { web: ["10.0.0.1"], all: ["10.0.0.1"] });
    web.state.absent = absent;
    web.state.zone = { web: ["::1"], all: ["::1", "::2"] };
    await until(() => web.addresses() === "::1 ::1 ::2");
    assertEquals(web.lines.toSorted(), [
      "name all*: added ::1, ::2; removed 10.0.0.1",
      "name web: 10.0.0.1 is now ::1",
    ]);
  });
}

t("answers in another order change nothing", async () => {
  using web = await follow(["web*", "web"], { web: ["10.0.0.1", "10.0.0.2", "::1"] });
  const { length } = web.asked;
  web.state.zone = { web: ["::1", "10.0.0.2", "10.0.0.1"] };
  await until(() => web.asked.length > length + 8);
  assertEquals([web.applied, web.lines], [0, []]);
});

t(
  "the last good answer stays while DNS fails, with a line at the start and the end of that",
  async () => {
    using web = await follow(["web*"], { web: ["10.0.0.1", "10.0.0.2"] });
    for (const failing of [{} as Zone, { web: [] }]) {
      web.state.zone = failing;
      await until(() => web.lines.length === 1);
      const { length } = web.asked;
      await until(() => web.asked.length > length + 5);
      web.state.zone = { web: ["10.0.0.1", "10.0.0.2"] };
      await until(() => web.lines.length === 2);
      assertEquals(web.lines.splice(0), [
        "name web* cannot be resolved: unknown name; keeping 10.0.0.1, 10.0.0.2",
        "name web* is resolved again",
      ]);
    }
    assertEquals([web.applied, web.addresses()], [0, "10.0.0.1 10.0.0.2"]);
  },
);

t("a name without an address at the start is a channel without one, until it has one", async () => {
  using web = await follow(["web*", "!", "one"], {});
  assertEquals(web.addresses(), "- ! -");
  web.state.zone = { web: ["10.0.0.1"], one: ["10.1.0.1"] };
  await until(() => web.addresses() === "10.0.0.1 ! 10.1.0.1");
  assertEquals(web.lines.filter((line) => line.includes("it is down")).length, 2);
});

t(
  "without --resolve, a name without an address is an error, and nothing is asked again",
  async () => {
    const once = { resolve: 0 };
    const error = await assertRejects(
      () => follow(["b", "web*"], { b: ["::1"] }, once),
      AddressError,
    );
    assertEquals(error.message, "unknown or invalid address [web*]: unknown name");
    const plain = await assertRejects(() => follow(["web"], {}, once), AddressError);
    assertEquals(plain.message, "unknown or invalid address [web]");
    await assertRejects(() => follow(["_h._tcp.web"], {}, once), AddressError, "SERVFAIL");
    using web = await follow(["web*"], { web: ["10.0.0.1"] }, once);
    web.names.connectFailed(0, "web*:80/10.0.0.1");
    await sleep(50);
    assertEquals(web.asked, ["web"]);
  },
);

t("a failed connect asks again at once, at most once a second for a name", async () => {
  using web = await follow(["web*", "10.0.0.9"], { web: ["10.0.0.1", "10.0.0.2"] }, {
    resolve: 3600,
  });
  const start = performance.now(), key = "web*:80/10.0.0.1";
  for (let i = 0; i < 100; i++) web.names.connectFailed(0, key);
  web.names.connectFailed(0, "10.0.0.9:80");
  web.names.connectFailed(0, "nothing");
  web.names.connectFailed(7, key);
  await until(() => web.asked.length === 2);
  // The first question was that of the start.
  assert(performance.now() - start > 900);
  web.state.zone = { web: ["10.0.0.2"] };
  for (let i = 0; i < 100; i++) web.names.connectFailed(0, key);
  await until(() => web.addresses() === "10.0.0.2 10.0.0.9");
  assertEquals(web.asked.length, 3);
  assert(performance.now() - start > 1900);
});

t("channels that do not fit stay, with one line, and fit later", async () => {
  using web = await follow(["web*"], { web: ["10.0.0.1"] });
  web.fail("no place for [web*]");
  web.state.zone = { web: ["10.0.0.2"] };
  await until(() => web.lines.length >= 2);
  const { length } = web.asked;
  await until(() => web.asked.length > length + 5);
  assertEquals(web.addresses(), "10.0.0.1");
  web.fail(undefined);
  await until(() => web.addresses() === "10.0.0.2");
  assertEquals(web.lines, [
    "name web*: added 10.0.0.2; removed 10.0.0.1",
    "cannot follow names: no place for [web*]",
  ]);
});

t("more addresses than fit are reported once", async () => {
  const many = Array.from({ length: 50 }, (_, i) => `10.0.0.${i + 1}`);
  using web = await follow(["web*", "10.1.1.1"], { web: many });
  const first = "10.0.0.1 10.0.0.2 10.0.0.3 10.0.0.4 10.0.0.5 10.0.0.6 10.0.0.7 10.1.1.1";
  assertEquals(web.addresses(), first);
  web.state.zone = { web: many.toReversed() };
  const { length } = web.asked;
  await until(() => web.asked.length > length + 5);
  web.state.zone = { web: many.slice(0, 49) };
  await until(() => web.applied === 1);
  assertEquals(web.addresses(), first);
  assertEquals(web.lines, [
    "name web* has 50 channels in group 0, of which 7 fit (--max-channels 8)",
    "name web*: removed 10.0.0.50",
  ]);
});

t("with -B, NAME* has only addresses that can be connected to from there", async () => {
  const zone = { web: ["10.0.0.1", "::1"], six: ["::1"] };
  using web = await follow(["web*", "six"], zone, { sourceLength: 4 });
  assertEquals(web.addresses(), "10.0.0.1 ::1");
  const error = await assertRejects(
    () => follow(["six*"], zone, { resolve: 0, sourceLength: 4 }),
    AddressError,
  );
  assertEquals(error.message, "unknown or invalid address [six*]: no IPv4 address, which -B needs");
});

t("a reload follows the names of the new groups only, and keeps what it knew", async () => {
  using web = await follow(["web*", "one"], { web: ["10.0.0.1"], one: ["10.1.0.1"] });
  web.state.zone = { two: ["10.2.0.1"] };
  await web.start(["web*", "two"]);
  assertEquals(web.addresses(), "10.0.0.1 10.2.0.1");
  const { length } = web.asked;
  await until(() => web.asked.length > length + 6);
  assertEquals(web.asked.slice(length).includes("one"), false);
  assertEquals(web.asked.slice(length).includes("two"), true);
});
