/**
 * What control does to the traffic: channels are added, drained, moved and removed while
 * connections come (case 27), and counters are cleared in the middle of them (case 28).
 */

import { assertEquals } from "@std/assert";
import { named, namedBackends, refusing } from "../../helpers/net/backends.ts";
import { ask, connect, distribution, readText, sequence } from "../../helpers/net/client.ts";
import { type ControlSession, controlSession, talk } from "../../helpers/net/control_socket.ts";
import { runBalance } from "../../helpers/program/start_balance.ts";
import { type Controlled, startControlled } from "../../helpers/program/start_controlled.ts";
import { t, until } from "../../helpers/t.ts";

/** Asserts what each command answers. */
async function expect(
  session: ControlSession,
  dialogue: readonly (readonly [line: string, answer: string])[],
): Promise<void> {
  for (const [line, answer] of dialogue) {
    assertEquals((await session.ask(line)).text, `${answer}\n`, line);
  }
}

/** c, totalc, sent and rcvd of a channel of group 0. */
async function counters(balance: Controlled, channel = 0): Promise<number[]> {
  const lines = (await talk(balance.socket, "show\n")).split("\n");
  const words = (lines[1 + channel] ?? "").trim().split(/ +/);
  return [6, 7, 9, 10].map((column) => Number(words[column]));
}

t("channels are added, drained, removed and moved while connections come", async () => {
  await using backends = namedBackends(4);
  const [b0, b1, b2, b3] = backends.list.map(({ port }) => port);
  await using balance = await startControlled(["-f", "PORT", ...backends.addresses.slice(0, 2)]);
  const { port } = balance;
  using session = await controlSession(balance.socket);
  assertEquals(await distribution(port, 4), "B0: 2, B1: 2");

  // Add: a new channel gets nothing before it is enabled.
  await expect(session, [[`create 127.0.0.1 ${b2}`, "channel created"]]);
  assertEquals(await distribution(port, 4), "B0: 2, B1: 2");
  await expect(session, [["enable 2", "channel 2 enabled"]]);
  assertEquals(await distribution(port, 6), "B0: 2, B1: 2, B2: 2");

  // Drain: who is in stays, nobody new comes, and the channel cannot go before they leave.
  await expect(session, [["disable 0", "channel 0 disabled"], ["disable 2", "channel 2 disabled"]]);
  const stays = await connect(port);
  assertEquals(await readText(stays, 3), "B1\n");
  await expect(session, [
    ["enable 0", "channel 0 enabled"],
    ["enable 2", "channel 2 enabled"],
    ["remove 1", "channel must be disabled to be removed"],
    ["disable 1", "channel 1 disabled"],
    ["remove 1", "channel 1 has 1 open connections"],
  ]);
  assertEquals(await distribution(port, 4), "B0: 2, B2: 2");
  await stays.send("still");
  assertEquals(await readText(stays, 5), "still");
  await stays.close();
  await until(async () => (await session.ask("remove 1")).text === "channel 1 removed\n");

  // Removed: the others keep their numbers and share the traffic; the slot is free.
  assertEquals(await distribution(port, 4), "B0: 2, B2: 2");
  await expect(session, [
    ["enable 1", "no such channel 1"],
    ["maxc 2 1", "maxc of channel 2 changed to 1"],
    ["maxc 2 0", "maxc of channel 2 changed to 0"],
    [`create 127.0.0.1 ${b1}`, "channel created"],
    ["enable 1", "channel 1 enabled"],
  ]);
  assertEquals(await distribution(port, 6), "B0: 2, B1: 2, B2: 2");
  assertEquals(await counters(balance, 1), [0, 2, 0, 6]);

  // Moved: connections of the old address go on, new ones go to the new one.
  await expect(session, [["disable 0", "channel 0 disabled"], ["disable 1", "channel 1 disabled"]]);
  const old = await connect(port);
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

t("bad input is answered exactly, and the traffic does not notice", async () => {
  await using backends = namedBackends(2);
  await using balance = await startControlled(["-f", "PORT", ...backends.addresses]);
  using session = await controlSession(balance.socket);
  const before = (await session.ask("show")).text;
  for (
    const [line, answer] of [
      ["disable", "syntax error"],
      ["disable x", "invalid number [x]"],
      ["disable 2", "no such channel 2"],
      ["enable -1", "no such channel -1"],
      ["maxc 0", "syntax error"],
      ["maxc 0 1e3", "invalid number [1e3]"],
      ["maxc 2 1", "unknown channel"],
      ["group 16", "value out of range"],
      ["create 127.0.0.1", "syntax error"],
      ["create 127.0.0.1 70000", "invalid port [70000]"],
      ["create no..such 80", "invalid address"],
      ["create 256.0.0.1 80", "invalid address"],
      ["assign 0 127.0.0.1 80", "channel must be disabled to assign new address"],
      ["assign 7 127.0.0.1 80", "unknown channel"],
      ["remove 0", "channel must be disabled to be removed"],
      ["remove 7", "no such channel 7"],
      ["delete 0", "syntax error"],
      ["mrtg-bytes 16 0", "unknown group"],
      ["mrtg-bytes 0 2", "unknown channel"],
      ["k", "syntax error"],
      ["\x1b[A", "syntax error"],
      ["ÄÖÜ", "syntax error"],
    ] as const
  ) {
    assertEquals(await session.ask(line).then(({ text, failed }) => [text, failed]), [
      `${answer}\n`,
      true,
    ]);
  }
  assertEquals((await session.ask("show")).text, before);
  assertEquals(await distribution(balance.port, 4), "B0: 2, B1: 2");
});

t("a full group says so, and a slot that is freed can be used at once", async () => {
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

t("counters that are cleared in the middle count on from zero, c stays true", async () => {
  await using server = named("B0");
  await using balance = await startControlled(["-f", "PORT", server.address]);
  const { port } = balance;
  const first = await connect(port);
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

t("clearing again and again under traffic loses connections neither in c nor in maxc", async () => {
  await using server = named("B0");
  await using balance = await startControlled(["-f", "PORT", `${server.address}:5`]);
  using session = await controlSession(balance.socket);
  let clearing = true;
  const clearer = (async () => {
    while (clearing) {
      assertEquals((await session.ask("reset 0")).text, "channel 0 counters reset\n");
    }
  })();
  for (let i = 0; i < 10; i++) {
    const names = await Promise.all(Array.from({ length: 5 }, () => ask(balance.port)));
    assertEquals(new Set(names), new Set(["B0"]));
    await until(async () => (await counters(balance))[0] === 0);
  }
  clearing = false;
  await clearer;
  assertEquals((await counters(balance))[0], 0);
});

t("--strict makes a command that fails an exit code, without it the code is 0", async () => {
  await using balance = await startControlled(["-f", "PORT", "127.0.0.1:9"]);
  const { port, rundir } = balance;
  for (
    const [command, stdout, strict] of [
      ["disable 9", "no such channel 9\n", 1],
      ["bogus", "syntax error\n", 1],
      ["group 99", "value out of range\n", 1],
      ["enable 0", "channel 0 already enabled\n", 0],
      ["", "", 0],
      ["quit", "", 0],
    ] as const
  ) {
    const loose = await runBalance(["-c", command, "PORT"], { port, rundir });
    assertEquals([loose.code, loose.stdout, loose.stderr], [0, stdout, ""], command);
    const tight = await runBalance(["--strict", "-c", command, "PORT"], { port, rundir });
    assertEquals([tight.code, tight.stdout, tight.stderr], [strict, stdout, ""], command);
  }
});
