import { assertEquals, assertRejects } from "@std/assert";
import { named } from "../../helpers/net/backends.ts";
import { ask, connect } from "../../helpers/net/client.ts";
import { runBalance, startBalance } from "../../helpers/program/start_balance.ts";
import { t } from "../../helpers/t.ts";

t(
  "a second instance on the same address fails to start, and the first is not affected",
  async () => {
    await using server = named("B0");
    const argv = ["-f", "PORT", server.address];
    await using first = await startBalance(argv);
    for (let i = 0; i < 2; i++) {
      const second = await runBalance(argv, { port: first.port });
      assertEquals(second, {
        code: 69,
        signal: null,
        stdout: "",
        stderr: "balance: can't bind local address\n",
      });
    }
    assertEquals(await ask(first.port), "B0");
  },
);

t("an instance can listen on an address as soon as the previous instance has ended", async () => {
  await using server = named("B0");
  const argv = ["-f", "PORT", server.address];
  await using first = await startBalance(argv);
  // Leaves a connection of the first instance in TIME_WAIT.
  assertEquals(await ask(first.port), "B0");
  assertEquals((await runBalance(argv, { port: first.port })).code, 69);
  await first.stop();
  await using second = await startBalance(argv, { port: first.port });
  assertEquals(await ask(second.port), "B0");
});

t("-b listens on that address only: two instances share a port on two addresses", async () => {
  await using b0 = named("B0");
  await using b1 = named("B1");
  await using first = await startBalance(["-f", "-b", "127.0.0.1", "PORT", b0.address]);
  await using second = await startBalance(["-f", "-b", "127.0.0.2", "PORT", b1.address], {
    port: first.port,
  });
  assertEquals(await ask(first.port, { hostname: "127.0.0.1" }), "B0");
  assertEquals(await ask(second.port, { hostname: "127.0.0.2" }), "B1");
  await assertRejects(
    () => connect(first.port, { hostname: "127.0.0.3" }),
    Deno.errors.ConnectionRefused,
  );
});

t("-b accepts a host name", async () => {
  await using b0 = named("B0");
  await using balance = await startBalance(["-f", "-b", "localhost", "PORT", b0.address]);
  assertEquals(await ask(balance.port), "B0");
});

t("-b with an address of another host fails to start", async () => {
  const { code, stderr } = await runBalance(["-f", "-b", "192.0.2.1", "PORT", "127.0.0.1:9"]);
  assertEquals([code, stderr], [69, "balance: can't bind local address\n"]);
});
