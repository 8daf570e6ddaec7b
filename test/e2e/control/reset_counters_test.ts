/** Counters are reset while connections are open (case 28). */

import { assertEquals } from "@std/assert";
import { named } from "../../helpers/net/backends.ts";
import { ask, connect, readText } from "../../helpers/net/client.ts";
import { controlSession, showRows, talk } from "../../helpers/net/control_socket.ts";
import { type Controlled, startControlled } from "../../helpers/program/start_controlled.ts";
import { later, t, until } from "../../helpers/t.ts";

/** c, totalc, sent and rcvd of the channel. */
async function counters(balance: Controlled): Promise<number[]> {
  const { c, totalc, sent, rcvd } = (await showRows(balance.socket))[0]!;
  return [c, totalc, sent, rcvd];
}

t("reset under traffic: totalc, sent and rcvd count on from zero, c stays correct", async () => {
  await using server = named("B0");
  await using balance = await startControlled(["-f", "PORT", server.address]);
  const { port } = balance;
  await using first = await connect(port);
  await first.send("hello\n");
  assertEquals(await readText(first, 9), "B0\nhello\n");
  await until(async () => String(await counters(balance)) === "1,1,6,9");
  assertEquals(await talk(balance.socket, "reset 0\n"), "channel 0 counters reset\n");
  assertEquals(await counters(balance), [1, 0, 0, 0]);

  await first.send("more\n");
  assertEquals(await readText(first, 5), "more\n");
  assertEquals(await ask(port), "B0");
  await until(async () => String(await counters(balance)) === "1,1,5,8");
  await first.close();
  await until(async () => String(await counters(balance)) === "0,1,5,8");
  assertEquals(
    await talk(balance.socket, "mrtg-bytes 0 0\nmrtg-conns 0 0\n"),
    "8\n5\nUNKNOWN\ngroup 0 channel 0\n1\nUNKNOWN\nUNKNOWN\ngroup 0 channel 0\n",
  );
});

t("repeated reset under traffic: c and maxc stay correct", async () => {
  await using server = named("B0");
  await using balance = await startControlled(["-f", "PORT", `${server.address}:5`]);
  using session = await controlSession(balance.socket);
  let isResetting = true;
  const resetting = later((async () => {
    while (isResetting) {
      assertEquals((await session.ask("reset 0")).text, "channel 0 counters reset\n");
    }
  })());
  for (let i = 0; i < 10; i++) {
    const names = await Promise.all(Array.from({ length: 5 }, () => ask(balance.port)));
    assertEquals(new Set(names), new Set(["B0"]));
    await until(async () => (await counters(balance))[0] === 0);
  }
  isResetting = false;
  await resetting;
  assertEquals((await counters(balance))[0], 0);
});
