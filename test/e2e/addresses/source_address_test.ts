import { assert, assertEquals, assertMatch } from "@std/assert";
import { randomBytes, sha256 } from "../../helpers/bytes.ts";
import { echo, named } from "../../helpers/net/backends.ts";
import { ask, connect, hashToEnd } from "../../helpers/net/client.ts";
import { programBindsSource } from "../../helpers/program/binds_source.ts";
import { runBalance, startBalance } from "../../helpers/program/start_balance.ts";
import { startControlled } from "../../helpers/program/start_controlled.ts";
import { later, skip, t } from "../../helpers/t.ts";

const names = {
  source: "-B sets the source address of connections to backends",
  data: "-B does not affect data and half-close",
  refused: "-B is rejected with a reason where the runtime would ignore it",
};

if (await programBindsSource()) {
  t(names.source, async () => {
    await using server = named("B0");
    await using balance = await startBalance(["-f", "-B", "127.0.0.7", "PORT", server.address]);
    assertEquals(await ask(balance.port), "B0");
    assertEquals(await ask(balance.port), "B0");
    assertEquals(server.peers, ["127.0.0.7", "127.0.0.7"]);
  });

  t(names.data, async () => {
    const data = randomBytes(3_000_000, 7);
    await using server = echo();
    await using balance = await startControlled(["-f", "-B", "127.0.0.7", "PORT", server.address]);
    const before = await balance.quietFds();
    {
      await using client = await connect(balance.port);
      const answer = later(hashToEnd(client));
      await client.send(data);
      await client.closeWrite();
      assertEquals(await answer, { length: data.length, sha256: sha256(data), end: "EOF" });
    }
    await balance.settledFds(before);
  });
} else {
  skip(names.source, "this version of Deno ignores a source address");
  skip(names.data, "this version of Deno ignores a source address");
  t(names.refused, async () => {
    const { code, stderr } = await runBalance(["-f", "-B", "127.0.0.7", "PORT", "127.0.0.1:9"]);
    assert(code !== 0);
    assertMatch(stderr, /127\.0\.0\.7|-B/);
  });
}

t("-B with an address of another host fails to start", async () => {
  const { code, stderr } = await runBalance(["-f", "-B", "192.0.2.1", "PORT", "127.0.0.1:9"]);
  assertMatch(stderr, /^[^\n]*\[192\.0\.2\.1\][^\n]*\n$/);
  assert(code !== 0);
});

t("-B with an unknown host name fails to start with exit code 65", async () => {
  const argv = ["-f", "-B", "no.such.host.invalid", "PORT", "127.0.0.1:9"];
  const { code, stderr } = await runBalance(argv);
  assertEquals(stderr, "unknown or invalid address [no.such.host.invalid]\n");
  assertEquals(code, 65);
});
