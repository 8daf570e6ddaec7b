/** Channels are added, drained, moved and removed while connections arrive (case 27). */

import { assertEquals } from "@std/assert";
import { named, namedBackends, refusing } from "../../helpers/net/backends.ts";
import { ask, connect, distribution, readText, sequence } from "../../helpers/net/client.ts";
import { type ControlSession, controlSession, showRows } from "../../helpers/net/control_socket.ts";
import { type Controlled, startControlled } from "../../helpers/program/start_controlled.ts";
import { t, until } from "../../helpers/t.ts";

/** Asserts the answer to each command. */
async function expect(
  session: ControlSession,
  dialogue: readonly (readonly [line: string, answer: string])[],
): Promise<void> {
  for (const [line, answer] of dialogue) {
    assertEquals((await session.ask(line)).text, `${answer}\n`, line);
  }
}

/** c, totalc, sent and rcvd of a channel of group 0. */
async function counters(balance: Controlled, channel: number): Promise<number[]> {
  const { c, totalc, sent, rcvd } = (await showRows(balance.socket))[channel]!;
  return [c, totalc, sent, rcvd];
}

t("channels are added, drained, removed and moved under traffic", async () => {
  await using backends = namedBackends(4);
  const [b0, b1, b2, b3] = backends.list.map(({ port }) => port);
  await using balance = await startControlled(["-f", "PORT", ...backends.addresses.slice(0, 2)]);
  const { port } = balance;
  using session = await controlSession(balance.socket);
  assertEquals(await distribution(port, 4), "B0: 2, B1: 2");

  // Add: a new channel gets no connections before it is enabled.
  await expect(session, [[`create 127.0.0.1 ${b2}`, "channel created"]]);
  assertEquals(await distribution(port, 4), "B0: 2, B1: 2");
  await expect(session, [["enable 2", "channel 2 enabled"]]);
  assertEquals(await distribution(port, 6), "B0: 2, B1: 2, B2: 2");

  // Drain: open connections stay, new ones go elsewhere, and removing has to wait.
  await expect(session, [["disable 0", "channel 0 disabled"], ["disable 2", "channel 2 disabled"]]);
  await using stays = await connect(port);
  assertEquals(await readText(stays, 3), "B1\n");
  await until(async () => (await counters(balance, 1))[0] === 1, { what: "others to end" });
  await expect(session, [
    ["enable 0", "channel 0 enabled"],
    ["enable 2", "channel 2 enabled"],
    ["remove 1", "channel must be disabled to be removed"],
    ["disable 1", "channel 1 disabled"],
    ["remove 1", "channel 1 has 1 open connection"],
  ]);
  assertEquals(await distribution(port, 4), "B0: 2, B2: 2");
  await stays.send("still");
  assertEquals(await readText(stays, 5), "still");
  await stays.close();
  await until(async () => (await session.ask("remove 1")).text === "channel 1 removed\n");

  // Remove: other channels keep their numbers and share the traffic; the slot is free.
  assertEquals(await distribution(port, 4), "B0: 2, B2: 2");
  await expect(session, [
    ["enable 1", "no such channel 1"],
    ["maxc 2 1", "maxc of channel 2 changed to 1"],
    ["maxc 2 0", "maxc of channel 2 changed to 0"],
    [`create 127.0.0.1 ${b1}`, "channel created"],
    ["enable 1", "channel 1 enabled"],
  ]);
  assertEquals(await distribution(port, 6), "B0: 2, B1: 2, B2: 2");
  await until(async () => String(await counters(balance, 1)) === "0,2,0,6");

  // Assign: connections to the old address stay, new ones go to the new address.
  await expect(session, [["disable 0", "channel 0 disabled"], ["disable 1", "channel 1 disabled"]]);
  await using old = await connect(port);
  assertEquals(await readText(old, 3), "B2\n");
  await expect(session, [
    [`assign 2 127.0.0.1 ${b3}`, "channel must be disabled to assign new address"],
    ["disable 2", "channel 2 disabled"],
    [`assign 2 127.0.0.1 ${b3}`, "channel reassigned"],
  ]);
  assertEquals(await ask(port), "EOF");
  await expect(session, [["enable 2", "channel 2 enabled"]]);
  assertEquals(await sequence(port, 2), ["B3", "B3"]);
  await old.send("here");
  assertEquals(await readText(old, 4), "here");
  await old.close();
  assertEquals(backends.at(0).port, b0);
});

t("create fails in a full group, and reuses a slot as soon as it is freed", async () => {
  await using server = named("B0");
  await using dead = refusing();
  const argv = ["-f", "PORT", ...Array(16).fill(server.address)];
  await using balance = await startControlled(argv);
  using session = await controlSession(balance.socket);
  await expect(session, [
    [`create 127.0.0.1 ${dead.port}`, "no channel slots available"],
    ["disable 7", "channel 7 disabled"],
    ["remove 7", "channel 7 removed"],
    [`create 127.0.0.1 ${dead.port}`, "channel created"],
    ["enable 7", "channel 7 enabled"],
    [`create 127.0.0.1 ${dead.port}`, "no channel slots available"],
  ]);
  assertEquals(await distribution(balance.port, 32), "B0: 32");
  assertEquals(await counters(balance, 7), [0, 2, 0, 0]);
});
