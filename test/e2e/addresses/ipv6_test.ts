import { assertEquals, assertRejects } from "@std/assert";
import { hasIpv6, named, namedBackends } from "../../helpers/net/backends.ts";
import { ask, connect, distribution } from "../../helpers/net/client.ts";
import { startBalance } from "../../helpers/program/start_balance.ts";
import { skip, t } from "../../helpers/t.ts";

const cases: ReadonlyArray<[string, () => Promise<void>]> = [
  ["-b ::1 listens on IPv6", async () => {
    await using server = named("B0");
    await using balance = await startBalance(["-f", "-b", "::1", "PORT", server.address]);
    assertEquals(await ask(balance.port, { hostname: "::1" }), "B0");
    await assertRejects(() => connect(balance.port), Deno.errors.ConnectionRefused);
  }],
  ["-6 listens on IPv6 and IPv4", async () => {
    await using server = named("B0");
    await using balance = await startBalance(["-f", "-6", "PORT", server.address]);
    assertEquals(await ask(balance.port, { hostname: "::1" }), "B0");
    assertEquals(await ask(balance.port, { hostname: "127.0.0.1" }), "B0");
  }],
  ["a backend can be an IPv6 address in brackets", async () => {
    await using server = named("six", { hostname: "::1" });
    await using balance = await startBalance(["-f", "PORT", `${server.address}:2`]);
    assertEquals(await distribution(balance.port, 3), "six: 3");
    assertEquals(server.peers[0], "::1");
  }],
  ["a refusing IPv6 backend fails over to an IPv4 backend", async () => {
    await using dead = named("dead", { hostname: "::1" });
    await dead.stop();
    await using server = named("B0");
    await using balance = await startBalance(["-f", "PORT", dead.address, server.address]);
    assertEquals(await distribution(balance.port, 3), "B0: 3");
  }],
  ["an IPv4 client hashes to the same channel on an IPv6 listener", async () => {
    await using backends = namedBackends(5);
    const channels = [...backends.addresses, "%"];
    await using four = await startBalance(["-f", "PORT", ...channels]);
    await using six = await startBalance(["-f", "-6", "PORT", ...channels]);
    const name = await ask(four.port);
    assertEquals(await distribution(six.port, 3), `${name}: 3`);
  }],
  ["a hash group sends an IPv6 client always to the same channel", async () => {
    await using backends = namedBackends(5);
    await using balance = await startBalance(["-f", "-6", "PORT", ...backends.addresses, "%"]);
    const name = await ask(balance.port, { hostname: "::1" });
    assertEquals(await distribution(balance.port, 4, { hostname: "::1" }), `${name}: 4`);
  }],
];

for (const [name, run] of cases) {
  if (hasIpv6) t(name, run);
  else skip(name, "no IPv6 on this machine");
}
