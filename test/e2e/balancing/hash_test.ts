import { assertEquals } from "@std/assert";
import { namedBackends } from "../../helpers/net/backends.ts";
import { ask, canBindSource, distribution } from "../../helpers/net/client.ts";
import { startBalance } from "../../helpers/program/start_balance.ts";
import { skip, t } from "../../helpers/t.ts";

/** 3.35's hash of 127.0.0.d; see golden/README.md. */
function channelOf(d: number, channels: number): number {
  return (((127 * 31 + 0) * 31 + 0) * 31 + d) % channels;
}

t("a hash group sends a client always to the same channel", async () => {
  await using backends = namedBackends(3);
  await using balance = await startBalance(["-f", "PORT", ...backends.addresses, "%"]);
  assertEquals(await distribution(balance.port, 6), `B${channelOf(1, 3)}: 6`);
});

t("without -H a client of a refusing hash channel fails over to the next group", async () => {
  await using backends = namedBackends(3);
  const [b0 = "", b1 = "", b2 = ""] = backends.addresses;
  // 127.0.0.1 hashes to the first of two channels.
  assertEquals(channelOf(1, 2), 0);
  await backends.at(0).stop();
  await using balance = await startBalance(["-f", "PORT", b0, b1, "%", b2]);
  assertEquals(await distribution(balance.port, 4), "B2: 4");
});

t(
  "with -H a client of a refusing hash channel fails over to the next channel of the group",
  async () => {
    await using backends = namedBackends(3);
    const [b0 = "", b1 = "", b2 = ""] = backends.addresses;
    await backends.at(0).stop();
    await using balance = await startBalance(["-f", "-H", "PORT", b0, b1, "%", b2]);
    assertEquals(await distribution(balance.port, 4), "B1: 4");
  },
);

const names = {
  spread: "a hash group distributes clients by address as 3.35 does",
  stable: "with -H only the clients of a failed hash channel move",
};
if (await canBindSource()) {
  t(names.spread, async () => {
    await using backends = namedBackends(5);
    await using balance = await startBalance(["-f", "PORT", ...backends.addresses, "%"]);
    for (let d = 1; d <= 12; d++) {
      const from = `127.0.0.${d}`;
      assertEquals(await ask(balance.port, { from }), `B${channelOf(d, 5)}`, from);
    }
  });

  t(names.stable, async () => {
    await using backends = namedBackends(4);
    await using balance = await startBalance(["-f", "-H", "PORT", ...backends.addresses, "%"]);
    async function answers(): Promise<string[]> {
      const all: string[] = [];
      for (let d = 1; d <= 12; d++) all.push(await ask(balance.port, { from: `127.0.0.${d}` }));
      return all;
    }
    const before = await answers();
    await backends.at(2).stop();
    const after = await answers();
    assertEquals(after, before.map((name) => name === "B2" ? "B3" : name));
  });
} else {
  for (const name of Object.values(names)) {
    skip(name, "this version of Deno ignores a source address");
  }
}
